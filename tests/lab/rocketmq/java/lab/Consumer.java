// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package lab;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.RPCHook;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;

/**
 * Consumes a topic until it is ended. Arguments: namesrv=, group=, topic=, name= (its instance name), journal=FILE,
 * http=PORT, await=MS (0 is the library's own default), least=MS and most=MS (how long a handler takes), threads=,
 * quirk= (none, nothing, hang, suspend, rejoin), model= (CLUSTERING), user= and password= (where there are any).
 *
 * <p>POST /leave shuts its consumer down and answers when that is done, POST /join makes another one, GET /status says
 * {consuming, in_flight, processed, finished}.
 */
public final class Consumer {
    private static final AtomicInteger IN_FLIGHT = new AtomicInteger();
    private static final AtomicInteger PROCESSED = new AtomicInteger();

    private final Map<String, String> options;
    private final Journal journal;
    private DefaultMQPushConsumer consumer;

    private Consumer(Map<String, String> options) throws IOException {
        this.options = options;
        this.journal = new Journal(options.get("journal"), options.get("name"));
    }

    public static void main(String[] words) throws Exception {
        Map<String, String> options = Stream.of(words)
                .map(word -> word.split("=", 2))
                .collect(Collectors.toMap(parts -> parts[0], parts -> parts[1]));
        Consumer one = new Consumer(options);
        one.start();
        one.serve();
    }

    /** A name server that does not answer at once, on a machine that is busy, is asked again. */
    private void start() throws Exception {
        for (int left = 9; consumer == null; left--) {
            try {
                join();
            } catch (IllegalStateException error) {
                if (left == 0) {
                    throw error;
                }
                error.printStackTrace();
                TimeUnit.SECONDS.sleep(1);
            }
        }
    }

    private synchronized void join() throws Exception {
        if (consumer != null) {
            return;
        }
        RPCHook hook = options.containsKey("user")
                ? new AclClientRPCHook(new SessionCredentials(options.get("user"), options.get("password")))
                : null;
        DefaultMQPushConsumer made =
                new DefaultMQPushConsumer(options.get("group"), hook, new AllocateMessageQueueAveragely());
        made.setNamesrvAddr(options.get("namesrv"));
        made.setInstanceName(options.get("name"));
        made.setClientIP("127.0.0.1");
        made.setVipChannelEnabled(false);
        made.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        made.setMessageModel(MessageModel.valueOf(options.getOrDefault("model", "CLUSTERING")));
        made.setAwaitTerminationMillisWhenShutdown(number("await"));
        made.setConsumeThreadMax(number("threads"));
        made.setConsumeThreadMin(number("threads"));
        made.subscribe(options.get("topic"), "*");
        made.registerMessageListener((MessageListenerConcurrently) (messages, context) -> handle(messages.get(0)));
        made.start();
        consumer = made;
    }

    private synchronized void leave() throws Exception {
        journal.add("", "leaving");
        switch (options.getOrDefault("quirk", "none")) {
            case "nothing":
                return;
            case "hang":
                TimeUnit.HOURS.sleep(1);
                return;
            case "suspend":
                consumer.suspend();
                return;
            default:
                if (consumer != null) {
                    consumer.shutdown();
                }
                consumer = null;
        }
        if (options.getOrDefault("quirk", "none").equals("rejoin")) {
            Executors.newSingleThreadScheduledExecutor().schedule(() -> {
                join();
                return null;
            }, 2, TimeUnit.SECONDS);
        }
    }

    private ConsumeConcurrentlyStatus handle(MessageExt message) {
        String id = new String(message.getBody(), StandardCharsets.UTF_8);
        int least = number("least");
        IN_FLIGHT.incrementAndGet();
        journal.add(id, "began");
        try {
            Thread.sleep(least + Math.floorMod(id.hashCode(), number("most") - least + 1));
            journal.add(id, "ended");
            PROCESSED.incrementAndGet();
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            journal.add(id, "interrupted");
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        } finally {
            IN_FLIGHT.decrementAndGet();
        }
    }

    private int number(String name) {
        return Integer.parseInt(options.get(name));
    }

    private void serve() throws IOException {
        InetAddress here = InetAddress.getByName("127.0.0.1");
        HttpServer server = HttpServer.create(new InetSocketAddress(here, number("http")), 0);
        server.createContext("/leave", exchange -> answer(exchange, () -> leave()));
        server.createContext("/join", exchange -> answer(exchange, () -> join()));
        server.createContext("/status", exchange -> answer(exchange, () -> { }));
        server.setExecutor(Executors.newCachedThreadPool());
        server.start();
    }

    private interface Act {
        void run() throws Exception;
    }

    private void answer(HttpExchange exchange, Act act) throws IOException {
        int status = 200;
        try {
            act.run();
        } catch (Exception error) {
            error.printStackTrace();
            status = 500;
        }
        // Without the lock: it is to be answered while a leave goes on.
        boolean consuming = consumer != null;
        int inFlight = IN_FLIGHT.get();
        String text = String.format(
                "{\"consuming\": %b, \"in_flight\": %d, \"processed\": %d, \"finished\": %b}%n",
                consuming, inFlight, PROCESSED.get(), !consuming && inFlight == 0);
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, body.length);
        try (OutputStream stream = exchange.getResponseBody()) {
            stream.write(body);
        }
    }
}
