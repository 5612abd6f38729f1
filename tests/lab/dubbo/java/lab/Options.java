// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package lab;

import java.util.ArrayList;
import java.util.List;
import org.apache.dubbo.config.RegistryConfig;

/** Arguments of the form name=value; a name may come several times. */
final class Options {
    private final String[] words;

    Options(String[] words) {
        this.words = words;
    }

    /** A process whose main thread failed would live on by Dubbo's other threads. */
    static void endOnFailure() {
        Thread.currentThread().setUncaughtExceptionHandler((thread, error) -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
        });
    }

    List<String> all(String name) {
        List<String> found = new ArrayList<>();
        for (String word : words) {
            if (word.startsWith(name + "=")) {
                found.add(word.substring(name.length() + 1));
            }
        }
        return found;
    }

    String text(String name) {
        return all(name).get(0);
    }

    int number(String name) {
        return Integer.parseInt(text(name));
    }

    List<RegistryConfig> registries() {
        List<RegistryConfig> found = new ArrayList<>();
        for (String address : all("registry")) {
            RegistryConfig registry = new RegistryConfig(address);
            registry.setId("registry" + found.size());
            found.add(registry);
        }
        return found;
    }
}
