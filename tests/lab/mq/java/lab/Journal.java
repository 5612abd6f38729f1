// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package lab;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** One line for each step of a message, as tests/lab/mq/messages.py reads it: in the file before the next one begins. */
final class Journal {
    private static final long PID = ProcessHandle.current().pid();

    private final FileChannel file;
    private final String consumer;

    Journal(String path, String consumer) throws IOException {
        this.file = FileChannel.open(Path.of(path), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        this.consumer = consumer;
    }

    synchronized void add(String id, String event) {
        String line = String.format(
                "{\"time\": %.3f, \"consumer\": \"%s\", \"pid\": %d, \"id\": \"%s\", \"event\": \"%s\"}%n",
                System.currentTimeMillis() / 1000.0, consumer, PID, id, event);
        try {
            // An interrupted thread would close a channel that it writes to.
            boolean interrupted = Thread.interrupted();
            file.write(ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)));
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        } catch (IOException error) {
            error.printStackTrace();
            Runtime.getRuntime().halt(3);
        }
    }
}
