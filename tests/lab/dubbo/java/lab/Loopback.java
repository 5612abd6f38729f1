// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package lab;

import org.apache.dubbo.common.URL;
import org.apache.dubbo.rpc.Exporter;
import org.apache.dubbo.rpc.Invoker;
import org.apache.dubbo.rpc.Protocol;
import org.apache.dubbo.rpc.RpcException;
import org.apache.dubbo.rpc.protocol.InvokerWrapper;

/** Around every protocol: its server listens on loopback alone. Dubbo refuses to, where it reads 127.0.0.1. */
public final class Loopback implements Protocol {
    private final Protocol inner;

    public Loopback(Protocol inner) {
        this.inner = inner;
    }

    @Override
    public int getDefaultPort() {
        return inner.getDefaultPort();
    }

    @Override
    public <T> Exporter<T> export(Invoker<T> invoker) throws RpcException {
        URL url = invoker.getUrl();
        if (url.getParameter("bind.ip") == null) {
            return inner.export(invoker);
        }
        URL here = url.addParameter("anyhost", "false").addParameter("bind.ip", "::ffff:127.0.0.1");
        return inner.export(new InvokerWrapper<>(invoker, here));
    }

    @Override
    public <T> Invoker<T> refer(Class<T> type, URL url) throws RpcException {
        return inner.refer(type, url);
    }

    @Override
    public void destroy() {
        inner.destroy();
    }
}
