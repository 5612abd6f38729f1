// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package lab;

import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.actuate.autoconfigure.security.servlet.EndpointRequest;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.availability.AvailabilityChangeEvent;
import org.springframework.boot.availability.ReadinessState;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * Serves HTTP and is registered in ZooKeeper, both as Spring's documentation has it. Of its own it has two endpoints
 * that refuse and accept traffic, as every such application has to have them: Actuator has none.
 */
@SpringBootApplication
@RestController
public class Web {
    private final AtomicInteger inFlight = new AtomicInteger();
    private final ApplicationContext context;

    public Web(ApplicationContext context) {
        this.context = context;
    }

    public static void main(String[] words) {
        SpringApplication.run(Web.class, words);
    }

    /** Actuator is for those with a password, all else for anybody. */
    @Bean
    public SecurityFilterChain chain(HttpSecurity http) throws Exception {
        return http.authorizeHttpRequests(
                        rules -> rules.requestMatchers(EndpointRequest.toAnyEndpoint())
                                .authenticated()
                                .anyRequest()
                                .permitAll())
                .csrf(csrf -> csrf.disable())
                .httpBasic(Customizer.withDefaults())
                .build();
    }

    @PostMapping("/serve/{milliseconds}")
    public Map<String, Long> serve(@PathVariable("milliseconds") int milliseconds) throws InterruptedException {
        inFlight.incrementAndGet();
        try {
            Thread.sleep(milliseconds);
            return Map.of("pid", ProcessHandle.current().pid());
        } finally {
            inFlight.decrementAndGet();
        }
    }

    @GetMapping("/internal/status")
    public Map<String, Integer> status() {
        return Map.of("in_flight", inFlight.get());
    }

    @PostMapping("/internal/prepare-shutdown")
    public void prepare() {
        AvailabilityChangeEvent.publish(context, ReadinessState.REFUSING_TRAFFIC);
    }

    @PostMapping("/internal/resume")
    public void resume() {
        AvailabilityChangeEvent.publish(context, ReadinessState.ACCEPTING_TRAFFIC);
    }

    /** Says yes and does nothing, as some do. */
    @PostMapping("/internal/nothing")
    public void nothing() {}
}
