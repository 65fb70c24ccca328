import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** Produce BOOTSTRAP TOPIC CODEC ACKS COUNT: sends records with the values CODEC-0, CODEC-1 and so on, and says where they went. */
public class Produce {
    public static void main(String[] args) throws Exception {
        // snippet: settings
        Properties p = new Properties();
        p.put("bootstrap.servers", args[0]);
        p.put("compression.type", args[2]);
        p.put("acks", args[3]);
        p.put("linger.ms", "20");
        p.put("retries", "5");
        p.put("client.id", "old-producer");
        p.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        p.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        // snippet: end
        KafkaProducer<String, String> producer = new KafkaProducer<String, String>(p);
        List<Future<RecordMetadata>> sent = new ArrayList<Future<RecordMetadata>>();
        int count = Integer.parseInt(args[4]);
        for (int i = 0; i < count; i++) {
            String key = i % 3 == 0 ? null : "key-" + i;
            String value = i % 6 == 1 ? null : args[2] + "-" + i;
            sent.add(producer.send(new ProducerRecord<String, String>(args[1], 0, key, value)));
        }
        for (Future<RecordMetadata> f : sent) {
            RecordMetadata m = f.get();
            System.out.println("sent " + m.partition() + " " + m.offset());
        }
        producer.close();
        System.out.println("done");
    }
}
