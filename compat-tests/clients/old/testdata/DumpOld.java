import java.nio.ByteBuffer;
import org.apache.kafka.common.record.*;

/** DumpOld VERSION: message sets as the producers of kafka-clients 0.8.2 and 0.9 build them. */
public class DumpOld {
    public static void main(String[] args) throws Exception {
        for (CompressionType c : CompressionType.values()) {
            ByteBuffer b = ByteBuffer.allocate(1 << 16);
            MemoryRecords r = MemoryRecords.emptyRecords(b, c);
            r.append(0, "k0".getBytes(), "v0".getBytes());
            r.append(1, null, "v1".getBytes());
            r.append(2, "k2".getBytes(), null);
            r.append(3, new byte[0], new byte[0]);
            r.append(4, "k4".getBytes(), new byte[1000]);
            r.close();
            ByteBuffer made = r.buffer();
            if (made.position() > 0) made.flip();
            print(args[0] + " magic 0 " + c.name, made);
        }
    }

    static void print(String name, ByteBuffer b) {
        StringBuilder hex = new StringBuilder();
        while (b.hasRemaining()) hex.append(String.format("%02x", b.get()));
        System.out.println(name + ": " + hex);
    }
}
