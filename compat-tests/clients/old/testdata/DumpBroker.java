import java.nio.ByteBuffer;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.utils.Time;

/** DumpBroker: record batches v2, and what a broker of Kafka 3.9 makes of them for old consumers. */
public class DumpBroker {
    public static void main(String[] args) throws Exception {
        for (TimestampType time : new TimestampType[] {TimestampType.CREATE_TIME, TimestampType.LOG_APPEND_TIME}) {
            for (CompressionType c : CompressionType.values()) {
                if (c == CompressionType.ZSTD) continue;
                ByteBuffer b = ByteBuffer.allocate(1 << 16);
                MemoryRecordsBuilder r = MemoryRecords.builder(b, RecordBatch.MAGIC_VALUE_V2, Compression.of(c).build(), time, 100L, 1600000000000L);
                long t = 1500000000000L;
                r.append(t, "k0".getBytes(), "v0".getBytes(), new Header[] {new RecordHeader("h", "x".getBytes())});
                r.append(t + 5, null, "v1".getBytes());
                r.append(t - 7, "k2".getBytes(), null);
                r.append(t + 3, new byte[0], new byte[0]);
                r.append(t, "k4".getBytes(), new byte[1000]);
                MemoryRecords made = r.build();
                String name = "3.9.1 " + time.name + " " + c.name;
                print(name + " batch", made.buffer());
                for (byte magic = 0; magic <= 1; magic++)
                    for (long from : new long[] {100, 102})
                        print(name + " magic " + magic + " from " + from, made.downConvert(magic, from, Time.SYSTEM).records().buffer());
            }
        }
    }

    static void print(String name, ByteBuffer b) {
        b = b.duplicate();
        StringBuilder hex = new StringBuilder();
        while (b.hasRemaining()) hex.append(String.format("%02x", b.get()));
        System.out.println(name + ": " + hex);
    }
}
