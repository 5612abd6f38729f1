// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package lab;

import com.sun.net.httpserver.HttpServer;
import com.xxl.job.core.context.XxlJobHelper;
import com.xxl.job.core.executor.impl.XxlJobSimpleExecutor;
import com.xxl.job.core.handler.annotation.XxlJob;
import com.xxl.job.core.thread.ExecutorRegistryThread;
import java.io.FileWriter;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;

/**
 * An executor without a framework, as its documentation has it, with one job that takes as many milliseconds as its
 * parameter says, and one endpoint of its own that stops its registry thread. Words: the admin, the token, the
 * application, its address, its port, the port of its own endpoints, its journal, its log.
 */
public final class Executor {
    private final String journal;

    private Executor(String journal) {
        this.journal = journal;
    }

    @XxlJob("take")
    public void take() throws IOException {
        String id = XxlJobHelper.getJobParam();
        note("began", id);
        try {
            Thread.sleep(Long.parseLong(id.substring(id.indexOf(' ') + 1)));
            note("ended", id);
        } catch (InterruptedException error) {
            note("interrupted", id);
        }
    }

    private synchronized void note(String what, String id) throws IOException {
        try (FileWriter file = new FileWriter(journal, true)) {
            file.write(what + " " + id + "\n");
        }
    }

    public static void main(String[] words) throws Exception {
        XxlJobSimpleExecutor executor = new XxlJobSimpleExecutor();
        executor.setAdminAddresses(words[0]);
        executor.setAccessToken(words[1]);
        executor.setAppname(words[2]);
        executor.setAddress("http://" + words[3] + ":" + words[4] + "/");
        executor.setIp(words[3]);
        executor.setPort(Integer.parseInt(words[4]));
        executor.setLogPath(words[7]);
        executor.setLogRetentionDays(3);
        executor.setXxlJobBeanList(List.of(new Executor(words[6])));
        HttpServer server = HttpServer.create(new InetSocketAddress(words[3], Integer.parseInt(words[5])), 0);
        server.createContext("/leave", exchange -> {
            ExecutorRegistryThread.getInstance().toStop();
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        server.createContext("/nothing", exchange -> {
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        server.start();
        executor.start();
        Thread.currentThread().join();
    }
}
