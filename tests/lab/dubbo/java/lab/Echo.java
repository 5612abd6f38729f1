// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package lab;

/** What providers serve. */
public interface Echo {
    /** Works for so many milliseconds; answers with the id, the provider's name and its pid. */
    String echo(String id, int millis);
}
