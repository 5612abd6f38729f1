// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package lab;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/**
 * Serves Echo until it is ended. Arguments: name=, application=, registry= (some), protocol=NAME:PORT (some),
 * service=[GROUP/]INTERFACE[:VERSION] (some), qos=PORT, status=PORT, calls=FILE.
 *
 * <p>Each call that it finished is a line of the file: when it began and ended (ms), id, service, pid. GET /status
 * tells how many are in flight, how many it finished since it started, and when the last one began.
 */
public final class Provider implements Echo2 {
    private static final long PID = ProcessHandle.current().pid();
    private static final AtomicInteger IN_FLIGHT = new AtomicInteger();
    private static final AtomicInteger SERVED = new AtomicInteger();
    private static final AtomicLong LAST = new AtomicLong();

    private final String name;
    private final String service;
    private final Account account;

    private Provider(String name, String service, Account account) {
        this.name = name;
        this.service = service;
        this.account = account;
    }

    @Override
    public String echo(String id, int millis) {
        long began = System.currentTimeMillis();
        LAST.accumulateAndGet(began, Math::max);
        IN_FLIGHT.incrementAndGet();
        try {
            Thread.sleep(millis);
            account.add(began, System.currentTimeMillis(), id, service, PID);
            SERVED.incrementAndGet();
            return id + " " + name + " " + PID;
        } catch (InterruptedException error) {
            throw new IllegalStateException("interrupted", error);
        } finally {
            IN_FLIGHT.decrementAndGet();
        }
    }

    public static void main(String[] words) throws Exception {
        Options.endOnFailure();
        Options options = new Options(words);
        status(options.number("status"));
        Account account = new Account(options.text("calls"));
        DubboBootstrap dubbo = DubboBootstrap.getInstance()
                .application(application(options))
                .registries(options.registries())
                .protocols(protocols(options));
        for (String service : options.all("service")) {
            dubbo.service(config(service, new Provider(options.text("name"), service, account)));
        }
        dubbo.start();
        new CountDownLatch(1).await();
    }

    private static ApplicationConfig application(Options options) {
        ApplicationConfig application = new ApplicationConfig(options.text("application"));
        application.setQosEnable(true);
        application.setQosHost("127.0.0.1");
        application.setQosPort(options.number("qos"));
        return application;
    }

    private static List<ProtocolConfig> protocols(Options options) {
        List<ProtocolConfig> found = new ArrayList<>();
        for (String protocol : options.all("protocol")) {
            String[] parts = protocol.split(":");
            found.add(new ProtocolConfig(parts[0], Integer.parseInt(parts[1])));
        }
        return found;
    }

    private static ServiceConfig<Echo> config(String name, Echo echo) throws ClassNotFoundException {
        Service service = new Service(name);
        ServiceConfig<Echo> config = new ServiceConfig<>();
        // 2.7 drops a second service without one.
        config.setId(name);
        config.setInterface(service.type);
        config.setGroup(service.group);
        config.setVersion(service.version);
        config.setRef(echo);
        return config;
    }

    private static void status(int port) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port), 0);
        server.createContext("/status", exchange -> {
            String text = String.format(
                    "{\"pid\": %d, \"in_flight\": %d, \"served\": %d, \"last\": %d}%n",
                    PID, IN_FLIGHT.get(), SERVED.get(), LAST.get());
            byte[] body = text.getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(200, body.length);
            try (OutputStream out = exchange.getResponseBody()) {
                out.write(body);
            }
        });
        server.start();
    }
}
