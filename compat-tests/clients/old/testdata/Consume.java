import java.util.Arrays;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** Consume BOOTSTRAP TOPIC GROUP COUNT FETCHBYTES: reads as a member of a group until it has COUNT records, commits, and says what it had. */
public class Consume {
    public static void main(String[] args) throws Exception {
        // snippet: settings
        Properties p = new Properties();
        p.put("bootstrap.servers", args[0]);
        p.put("group.id", args[2]);
        p.put("client.id", "old-consumer");
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        p.put("max.partition.fetch.bytes", args[4]);
        p.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        p.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        // snippet: end
        KafkaConsumer<String, String> consumer = new KafkaConsumer<String, String>(p);
        consumer.subscribe(Arrays.asList(args[1]));
        int count = Integer.parseInt(args[3]);
        for (int had = 0; had < count; ) {
            for (ConsumerRecord<String, String> r : consumer.poll(500)) {
                System.out.println("got " + r.partition() + " " + r.offset() + " " + r.key() + " " + r.value());
                had++;
            }
        }
        consumer.commitSync();
        for (TopicPartition t : consumer.assignment()) {
            System.out.println("committed " + t.partition() + " " + consumer.committed(t).offset());
        }
        consumer.close();
        System.out.println("done");
    }
}
