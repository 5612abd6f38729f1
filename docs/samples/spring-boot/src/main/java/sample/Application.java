// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package sample;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.availability.ApplicationAvailability;
import org.springframework.boot.availability.AvailabilityChangeEvent;
import org.springframework.boot.availability.ReadinessState;
import org.springframework.context.ApplicationContext;
import org.springframework.stereotype.Component;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.filter.OncePerRequestFilter;

/** An application that goes out properly: Spring Boot, whose readiness Actuator shows. */
@SpringBootApplication
@RestController
public class Application {
    private final ApplicationContext context;
    private final ApplicationAvailability availability;
    private final InFlight inFlight;

    Application(ApplicationContext context, ApplicationAvailability availability, InFlight inFlight) {
        this.context = context;
        this.availability = availability;
        this.inFlight = inFlight;
    }

    public static void main(String[] words) {
        SpringApplication.run(Application.class, words);
    }

    @GetMapping("/internal/status")
    Map<String, Object> status() {
        return Map.of("accepting", availability.getReadinessState(), "in_flight", inFlight.count.get());
    }

    /** Take no new work: those who look stop sending. What comes until they have looked is still served. */
    @PostMapping("/internal/prepare-shutdown")
    Map<String, Object> prepareShutdown() {
        AvailabilityChangeEvent.publish(context, ReadinessState.REFUSING_TRAFFIC);
        // A consumer of messages leaves its group here: stop its binding or its listener's container.
        return status();
    }

    /** It was not restarted after all. */
    @PostMapping("/internal/resume")
    Map<String, Object> resume() {
        AvailabilityChangeEvent.publish(context, ReadinessState.ACCEPTING_TRAFFIC);
        return status();
    }

    /** Its work. */
    @PostMapping("/serve/{milliseconds}")
    Map<String, Long> serve(@PathVariable long milliseconds) throws InterruptedException {
        Thread.sleep(milliseconds);
        return Map.of("pid", ProcessHandle.current().pid());
    }

    /** Each request counts until its answer has been sent, those to /internal/ and to Actuator not. */
    @Component
    static class InFlight extends OncePerRequestFilter {
        final AtomicInteger count = new AtomicInteger();

        @Override
        protected boolean shouldNotFilter(HttpServletRequest request) {
            String path = request.getRequestURI();
            return path.startsWith("/internal/") || path.startsWith("/actuator/");
        }

        @Override
        protected void doFilterInternal(HttpServletRequest request, HttpServletResponse answer, FilterChain next)
                throws ServletException, IOException {
            count.incrementAndGet();
            try {
                next.doFilter(request, answer);
                answer.flushBuffer();
            } finally {
                count.decrementAndGet();
            }
        }
    }
}
