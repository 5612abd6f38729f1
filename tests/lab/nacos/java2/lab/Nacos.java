// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package lab;

import com.alibaba.nacos.auth.config.AuthConfigs;
import com.alibaba.nacos.core.code.ControllerMethodsCache;
import com.alibaba.nacos.core.namespace.repository.NamespacePersistService;
import java.lang.reflect.Proxy;
import java.util.List;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.actuate.autoconfigure.security.servlet.ManagementWebSecurityAutoConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.jdbc.DataSourceAutoConfiguration;
import org.springframework.boot.autoconfigure.security.servlet.SecurityAutoConfiguration;
import org.springframework.boot.autoconfigure.security.servlet.UserDetailsServiceAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.FilterType;
import org.springframework.context.annotation.Import;
import org.springframework.scheduling.annotation.EnableScheduling;

/** Nacos 2 as a registry alone: without its console, its configurations and their database. */
@Configuration
@EnableScheduling
@Import(AuthConfigs.class)
@EnableAutoConfiguration(
        exclude = {
            DataSourceAutoConfiguration.class,
            ManagementWebSecurityAutoConfiguration.class,
            SecurityAutoConfiguration.class,
            UserDetailsServiceAutoConfiguration.class
        })
@ComponentScan(
        basePackages = {"com.alibaba.nacos.naming", "com.alibaba.nacos.core"},
        excludeFilters =
                @ComponentScan.Filter(
                        type = FilterType.REGEX,
                        pattern = {
                            "com\\.alibaba\\.nacos\\.core\\.namespace\\.repository\\..*",
                            "com\\.alibaba\\.nacos\\.naming\\.NamingApp"
                        }))
public class Nacos {
    public static void main(String[] words) {
        ControllerMethodsCache methods = SpringApplication.run(Nacos.class, words).getBean(ControllerMethodsCache.class);
        methods.initClassMethod("com.alibaba.nacos.core.controller");
        methods.initClassMethod("com.alibaba.nacos.naming.controllers");
    }

    /** Who keeps the names of namespaces: nobody. */
    @Bean
    public NamespacePersistService namespaces() {
        return (NamespacePersistService) Proxy.newProxyInstance(
                Nacos.class.getClassLoader(), new Class<?>[] {NamespacePersistService.class}, (proxy, method, words) -> {
                    if (method.getReturnType() == List.class) {
                        return List.of();
                    }
                    return method.getReturnType() == int.class ? 0 : method.getReturnType() == boolean.class ? false : null;
                });
    }
}
