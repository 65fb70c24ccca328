import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The registry's state: all of it is what a compacted topic of one partition says. */
class Journal extends Thread {
    private static final long MOST_MS = 20_000;

    private final TopicPartition partition;
    private final KafkaConsumer<String, String> consumer;
    private final KafkaProducer<String, String> producer;

    private final Map<Integer, String> schemas = new TreeMap<>();
    private final Map<String, Map<String, Integer>> ids = new TreeMap<>(); // by subject and schema
    private final Map<String, String> configs = new HashMap<>();
    private long next; // the offset after what was read

    /** Held by the one that writes; what was read is never locked for as long. */
    private final Object writing = new Object();
    private int caughtUp = -1; // in this generation of the group

    Journal(String broker, String topic) {
        partition = new TopicPartition(topic, 0);
        consumer = new KafkaConsumer<>(Map.of("bootstrap.servers", broker, "enable.auto.commit", "false", "auto.offset.reset", "earliest"),
            new StringDeserializer(), new StringDeserializer());
        producer = new KafkaProducer<>(Map.of("bootstrap.servers", broker, "acks", "all", "delivery.timeout.ms", "20000", "request.timeout.ms", "5000", "linger.ms", "0"),
            new StringSerializer(), new StringSerializer());
        setDaemon(true);
    }

    @Override
    public void run() {
        consumer.assign(List.of(partition));
        consumer.seekToBeginning(List.of(partition));
        while (true) {
            try {
                for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(100))) {
                    apply(r);
                }
            } catch (Exception e) {
                System.err.println("the journal cannot be read: " + e);
            }
        }
    }

    /** Keys are schema/SUBJECT/ID, config/SUBJECT and noop. */
    private synchronized void apply(ConsumerRecord<String, String> r) throws Exception {
        String[] key = r.key().split("/");
        if (key[0].equals("schema")) {
            JsonNode value = Registry.JSON.readTree(r.value());
            String schema = value.get("schema").asText();
            schemas.put(value.get("id").asInt(), schema);
            ids.computeIfAbsent(key[1], s -> new HashMap<>()).put(schema, value.get("id").asInt());
        } else if (key[0].equals("config")) {
            configs.put(key[1], r.value());
        }
        next = r.offset() + 1;
        notifyAll();
    }

    /** Writes a record, and waits until it was read. */
    private void write(String key, String value) throws Exception {
        try {
            long offset = producer.send(new ProducerRecord<>(partition.topic(), 0, key, value)).get(MOST_MS, TimeUnit.MILLISECONDS).offset();
            awaitRead(offset);
        } catch (Exception e) {
            caughtUp = -1; // it may have been written nevertheless
            throw e;
        }
    }

    private synchronized void awaitRead(long offset) throws Exception {
        long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(MOST_MS);
        while (next <= offset) {
            long left = TimeUnit.NANOSECONDS.toMillis(until - System.nanoTime());
            if (left <= 0) {
                throw new TimeoutException("offset " + offset + " is not read");
            }
            wait(left);
        }
    }

    /** Reads all that was written before, if that was not done in this generation. */
    private void catchUp(int generation) throws Exception {
        if (caughtUp != generation) {
            write("noop", "" + generation);
            caughtUp = generation;
        }
    }

    int register(int generation, String subject, String schema) throws Exception {
        synchronized (writing) {
            catchUp(generation);
            Integer known = id(subject, schema);
            if (known != null) {
                return known;
            }
            int id = count() + 1;
            write("schema/" + subject + "/" + id, Registry.JSON.writeValueAsString(Map.of("id", id, "schema", schema)));
            return id;
        }
    }

    void configure(String subject, String value) throws Exception {
        synchronized (writing) {
            write("config/" + subject, value);
        }
    }

    private synchronized Integer id(String subject, String schema) {
        return ids.getOrDefault(subject, Map.of()).get(schema);
    }

    private synchronized int count() {
        return schemas.size();
    }

    synchronized Map<String, TreeSet<Integer>> subjects() {
        Map<String, TreeSet<Integer>> all = new TreeMap<>();
        ids.forEach((subject, schemas) -> all.put(subject, new TreeSet<>(schemas.values())));
        return all;
    }

    synchronized String schema(int id) {
        return schemas.get(id);
    }

    synchronized String config(String subject) {
        return configs.get(subject);
    }
}
