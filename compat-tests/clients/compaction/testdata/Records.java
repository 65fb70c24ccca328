import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Writes records to partition 0 of a topic, or reads all of them: write|read BOOTSTRAP TOPIC. */
public class Records {
    public static void main(String[] args) throws Exception {
        if (args[0].equals("write")) {
            write(args[1], args[2]);
        } else {
            read(args[1], args[2]);
        }
    }

    /** Lines of "batch CODEC" and, for each of its records, "TIMESTAMP KEY [VALUE]", by tabs. */
    static void write(String bootstrap, String topic) throws Exception {
        Map<String, KafkaProducer<String, String>> producers = new HashMap<>();
        KafkaProducer<String, String> producer = null;
        try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                String[] f = line.split("\t", -1);
                if (f[0].equals("batch")) {
                    if (producer != null) {
                        producer.flush();
                    }
                    producer = producers.computeIfAbsent(f[1], codec -> producer(bootstrap, codec));
                    continue;
                }
                producer.send(new ProducerRecord<>(topic, 0, Long.parseLong(f[0]), f[1], f.length > 2 ? f[2] : null), (m, e) -> {
                    if (e != null) {
                        System.err.println(e);
                        Runtime.getRuntime().halt(1);
                    }
                });
            }
        }
        for (KafkaProducer<String, String> p : producers.values()) {
            p.close();
        }
    }

    static KafkaProducer<String, String> producer(String bootstrap, String codec) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("compression.type", codec);
        p.put("linger.ms", "10000"); // until flush
        p.put("batch.size", "1000000");
        return new KafkaProducer<>(p, new StringSerializer(), new StringSerializer());
    }

    static void read(String bootstrap, String topic) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        StringBuilder out = new StringBuilder();
        try (KafkaConsumer<String, String> c = new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> only = List.of(new TopicPartition(topic, 0));
            c.assign(only);
            c.seekToBeginning(only);
            long end = c.endOffsets(only).get(only.get(0));
            while (c.position(only.get(0)) < end) {
                for (ConsumerRecord<String, String> r : c.poll(Duration.ofMillis(200))) {
                    out.append(r.offset()).append(' ').append(r.timestamp()).append(' ').append(r.key());
                    if (r.value() != null) {
                        out.append('=').append(r.value());
                    }
                    out.append('\n');
                }
            }
        }
        System.out.print(out);
    }
}
