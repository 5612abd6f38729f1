// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;
import org.apache.dubbo.rpc.RpcException;
import sun.misc.Signal;

/**
 * Calls Echo, and never a second time for one id. Arguments: application=, registry= (some),
 * service=[GROUP/]INTERFACE[:VERSION], protocol=NAME, threads=N, rate=CALLS_A_SECOND (of all threads), work=MS,
 * timeout=MS, calls=FILE, result=FILE.
 *
 * <p>Each call is a line of the file: when it began (ms), how long it took (ms), id, "ok" with the provider's name and
 * pid, or "failed" with the reason and what the error says. After SIGTERM it finishes the calls in flight and writes
 * the result.
 */
public final class Consumer {
    private static final List<String> CODES =
            List.of("unknown", "network", "timeout", "business", "forbidden", "serialization", "no provider");

    private final Options options;
    private final Echo echo;
    private final Account account;
    private final CountDownLatch stop = new CountDownLatch(1);
    private final Map<String, Integer> providers = new TreeMap<>();
    private final Map<String, Integer> reasons = new TreeMap<>();

    private Consumer(Options options, Echo echo) throws IOException {
        this.options = options;
        this.echo = echo;
        this.account = new Account(options.text("calls"));
    }

    public static void main(String[] words) throws Exception {
        Options.endOnFailure();
        Options options = new Options(words);
        ApplicationConfig application = new ApplicationConfig(options.text("application"));
        application.setQosEnable(false);
        ReferenceConfig<Echo> reference = reference(options);
        DubboBootstrap.getInstance()
                .application(application)
                .registries(options.registries())
                .reference(reference)
                .start();
        Consumer consumer = new Consumer(options, reference.get());
        // Not a shutdown hook: Dubbo's own hook would cut the calls in flight meanwhile.
        Signal.handle(new Signal("TERM"), signal -> consumer.stop.countDown());
        consumer.run();
        System.exit(0);
    }

    private static ReferenceConfig<Echo> reference(Options options) throws ClassNotFoundException {
        Service service = new Service(options.text("service"));
        ReferenceConfig<Echo> reference = new ReferenceConfig<>();
        reference.setInterface(service.type);
        reference.setGroup(service.group);
        reference.setVersion(service.version);
        reference.setProtocol(options.text("protocol"));
        reference.setTimeout(options.number("timeout"));
        reference.setRetries(0);
        return reference;
    }

    private void run() throws InterruptedException, IOException {
        List<Thread> threads = new ArrayList<>();
        for (int number = 0; number < options.number("threads"); number++) {
            String session = ProcessHandle.current().pid() + "-" + number;
            threads.add(new Thread(() -> keepCalling(session)));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        Files.writeString(Path.of(options.text("result")), result());
    }

    private void keepCalling(String session) {
        double share = 1e9 * options.number("threads") / options.number("rate");
        long due = System.nanoTime() + (long) (share * ThreadLocalRandom.current().nextDouble());
        for (int count = 1; rest(due); count++) {
            call(session + "-" + count);
            due = Math.max(due + (long) (share * ThreadLocalRandom.current().nextDouble(0.5, 1.5)), System.nanoTime());
        }
    }

    /** False where it is told to stop. */
    private boolean rest(long due) {
        try {
            return !stop.await(due - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException error) {
            return false;
        }
    }

    private void call(String id) {
        long at = System.currentTimeMillis();
        long began = System.nanoTime();
        try {
            String[] answer = echo.echo(id, options.number("work")).split(" ");
            if (!answer[0].equals(id)) {
                throw new IllegalStateException("the answer of another call: " + answer[0]);
            }
            note(providers, answer[1]);
            account.add(at, millis(began), id, "ok", answer[1], answer[2]);
        } catch (Exception error) {
            String reason = reason(error);
            note(reasons, reason);
            account.add(at, millis(began), id, "failed", reason, error.getMessage());
        }
    }

    private static long millis(long began) {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
    }

    private static synchronized void note(Map<String, Integer> counts, String name) {
        counts.merge(name, 1, Integer::sum);
    }

    private static String reason(Exception error) {
        String name = error.getClass().getSimpleName();
        if (!(error instanceof RpcException)) {
            return name;
        }
        int code = ((RpcException) error).getCode();
        return name + ": " + (code < CODES.size() ? CODES.get(code) : code);
    }

    private String result() {
        int ok = providers.values().stream().mapToInt(Integer::intValue).sum();
        int failed = reasons.values().stream().mapToInt(Integer::intValue).sum();
        return String.format(
                "{\"sent\": %d, \"ok\": %d, \"failed\": %d, \"reasons\": %s, \"providers\": %s}%n",
                ok + failed, ok, failed, json(reasons), json(providers));
    }

    /** Names here are classes' and providers' names: nothing to escape. */
    private static String json(Map<String, Integer> counts) {
        StringJoiner members = new StringJoiner(", ", "{", "}");
        counts.forEach((name, count) -> members.add("\"" + name + "\": " + count));
        return members.toString();
    }
}
