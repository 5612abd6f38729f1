// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package lab;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * Consumes by Spring Cloud Stream, as its documentation has it: nothing here knows of leaving or joining. Settings of
 * its own: lab.journal (a file), lab.name, lab.least and lab.most (how long a handler takes, in ms).
 */
@SpringBootApplication
@RestController
public class Application {
    private final AtomicInteger inFlight = new AtomicInteger();
    private final Journal journal;
    private final int least;
    private final int most;

    public Application(
            @Value("${lab.journal}") String journal,
            @Value("${lab.name}") String name,
            @Value("${lab.least}") int least,
            @Value("${lab.most}") int most)
            throws IOException {
        this.journal = new Journal(journal, name);
        this.least = least;
        this.most = most;
    }

    public static void main(String[] words) {
        SpringApplication.run(Application.class, words);
    }

    @Bean
    public Consumer<String> order() {
        return this::handle;
    }

    @GetMapping("/status")
    public Map<String, Integer> status() {
        return Map.of("in_flight", inFlight.get());
    }

    private void handle(String id) {
        inFlight.incrementAndGet();
        journal.add(id, "began");
        try {
            Thread.sleep(least + Math.floorMod(id.hashCode(), most - least + 1));
            journal.add(id, "ended");
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            journal.add(id, "interrupted");
        } finally {
            inFlight.decrementAndGet();
        }
    }
}
