// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package lab;

/** What [group/]interface[:version] names. */
final class Service {
    final String group;
    final String version;
    final Class<? extends Echo> type;

    Service(String name) throws ClassNotFoundException {
        int slash = name.indexOf('/');
        int colon = name.indexOf(':');
        group = slash < 0 ? null : name.substring(0, slash);
        version = colon < 0 ? null : name.substring(colon + 1);
        type = Class.forName(name.substring(slash + 1, colon < 0 ? name.length() : colon)).asSubclass(Echo.class);
    }
}
