// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package lab;

import com.alibaba.nacos.api.naming.NamingFactory;
import com.alibaba.nacos.api.naming.NamingService;
import com.alibaba.nacos.api.naming.listener.NamingEvent;
import com.alibaba.nacos.api.naming.pojo.Instance;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;

/**
 * One that is registered in Nacos and serves, or with no port of its own one that only sees who is registered, as
 * consumers do. Words: where Nacos is, the namespace, the group, the service, the address, the port, the weight.
 */
public final class Registered {
    private static volatile List<String> seen = List.of();

    private Registered() {}

    public static void main(String[] words) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("serverAddr", words[0]);
        properties.setProperty("namespace", words[1]);
        NamingService naming = NamingFactory.createNamingService(properties);
        String address = words[4];
        int port = Integer.parseInt(words[5]);
        double weight = Double.parseDouble(words[6]);
        HttpServer server = HttpServer.create(new InetSocketAddress(address, port), 0);
        server.setExecutor(Executors.newCachedThreadPool());
        server.createContext("/serve/", exchange -> {
            String path = exchange.getRequestURI().getPath();
            pause(Integer.parseInt(path.substring(path.lastIndexOf('/') + 1)));
            answer(exchange, "{\"pid\": " + ProcessHandle.current().pid() + "}");
        });
        server.createContext("/seen", exchange -> answer(
                exchange, seen.stream().map(one -> '"' + one + '"').collect(Collectors.joining(",", "[", "]"))));
        server.start();
        naming.subscribe(words[3], words[2], event -> seen = ((NamingEvent) event)
                .getInstances().stream()
                        .filter(one -> one.isEnabled() && one.isHealthy() && one.getWeight() > 0)
                        .map(one -> one.getIp() + ":" + one.getPort())
                        .collect(Collectors.toList()));
        if (weight > 0) {
            Instance instance = new Instance();
            instance.setIp(address);
            instance.setPort(port);
            instance.setWeight(weight);
            instance.setMetadata(Map.of("zone", "a"));
            naming.registerInstance(words[3], words[2], instance);
        }
    }

    private static void pause(int milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    private static void answer(HttpExchange exchange, String text) throws IOException {
        byte[] body = text.getBytes();
        exchange.getRequestBody().readAllBytes();
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }
}
