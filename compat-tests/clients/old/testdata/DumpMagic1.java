import java.nio.ByteBuffer;
import org.apache.kafka.common.record.*;

/** DumpMagic1 VERSION: message sets as the producer of kafka-clients 0.10.2 builds them. */
public class DumpMagic1 {
    public static void main(String[] args) throws Exception {
        for (byte magic = 0; magic <= 1; magic++) {
            for (CompressionType c : CompressionType.values()) {
                ByteBuffer b = ByteBuffer.allocate(1 << 16);
                MemoryRecordsBuilder r = MemoryRecords.builder(b, magic, c, TimestampType.CREATE_TIME);
                long t = magic == 0 ? -1 : 1500000000000L;
                long d = magic == 0 ? 0 : 1;
                r.append(t, "k0".getBytes(), "v0".getBytes());
                r.append(t + 5 * d, null, "v1".getBytes());
                r.append(t - 7 * d, "k2".getBytes(), null);
                r.append(t + 3 * d, new byte[0], new byte[0]);
                r.append(t, "k4".getBytes(), new byte[1000]);
                print(args[0] + " magic " + magic + " " + c.name, r.build().buffer());
            }
        }
    }

    static void print(String name, ByteBuffer b) {
        StringBuilder hex = new StringBuilder();
        while (b.hasRemaining()) hex.append(String.format("%02x", b.get()));
        System.out.println(name + ": " + hex);
    }
}
