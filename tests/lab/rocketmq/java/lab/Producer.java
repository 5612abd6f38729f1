// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package lab;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;

/**
 * Sends messages whose bodies are ids. Arguments: namesrv=, topic=, prefix=, count=, rate= (a second; 0: as fast as it
 * goes), sent=FILE (the ids that the broker has taken, a line each), user= and password= (where there are any).
 */
public final class Producer {
    private Producer() {}

    public static void main(String[] words) throws Exception {
        Map<String, String> options = Stream.of(words)
                .map(word -> word.split("=", 2))
                .collect(Collectors.toMap(parts -> parts[0], parts -> parts[1]));
        DefaultMQProducer producer = new DefaultMQProducer("lab-producer", options.containsKey("user")
                ? new AclClientRPCHook(new SessionCredentials(options.get("user"), options.get("password")))
                : null);
        producer.setNamesrvAddr(options.get("namesrv"));
        producer.setVipChannelEnabled(false);
        producer.setRetryTimesWhenSendFailed(0);
        producer.start();
        Path sent = Path.of(options.get("sent"));
        int rate = Integer.parseInt(options.get("rate"));
        long began = System.nanoTime();
        for (int number = 0; number < Integer.parseInt(options.get("count")); number++) {
            String id = options.get("prefix") + "-" + number;
            Message message = new Message(options.get("topic"), id.getBytes(StandardCharsets.UTF_8));
            if (producer.send(message).getSendStatus() != SendStatus.SEND_OK) {
                throw new IllegalStateException(id + " was not taken");
            }
            Files.writeString(sent, id + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            if (rate > 0) {
                long due = began + (number + 1) * 1_000_000_000L / rate;
                Thread.sleep(Math.max(0, (due - System.nanoTime()) / 1_000_000));
            }
        }
        producer.shutdown();
        System.exit(0);
    }
}
