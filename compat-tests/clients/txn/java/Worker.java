import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Does transactions as it is told. See .. */
public class Worker {
    private final Map<String, String> flags;
    private final KafkaProducer<String, String> producer;
    private final KafkaConsumer<String, String> consumer; // null: of no group
    private final Map<TopicPartition, OffsetAndMetadata> taken = new HashMap<>();

    public static void main(String[] args) throws IOException {
        PrintStream out = System.out;
        System.setOut(System.err); // what a library prints is no answer
        Map<String, String> flags = new HashMap<>();
        for (String a : args) {
            int eq = a.indexOf('=');
            flags.put(a.substring(0, eq), a.substring(eq + 1));
        }
        Worker worker = new Worker(flags);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String answer;
            try {
                answer = "{\"ok\":true" + worker.obey(line.split(" ")) + "}";
            } catch (Exception e) {
                answer = "{\"error\":\"" + e.toString().replaceAll("[\"\\\\\\p{Cntrl}]", "'") + "\"}";
            }
            out.println(answer);
            out.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    Worker(Map<String, String> flags) {
        this.flags = flags;
        Properties p = new Properties();
        p.put("bootstrap.servers", flags.get("bootstrap"));
        p.put("transactional.id", flags.get("id"));
        p.put("transaction.timeout.ms", flags.get("timeout"));
        producer = new KafkaProducer<>(p, new StringSerializer(), new StringSerializer());
        consumer = flags.containsKey("group") ? consumer(Map.of("group.id", flags.get("group"), "session.timeout.ms", flags.get("session"),
            "heartbeat.interval.ms", "500")) : null;
    }

    private KafkaConsumer<String, String> consumer(Map<String, String> more) {
        Properties p = new Properties();
        p.put("bootstrap.servers", flags.get("bootstrap"));
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        p.putAll(more);
        return new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer());
    }

    /** Carries out a command, and says what its answer has beyond ok. */
    private String obey(String[] words) throws Exception {
        switch (words[0]) {
            case "init" -> {
                producer.initTransactions();
                if (consumer != null) {
                    consumer.subscribe(List.of(flags.get("from")));
                }
            }
            case "begin" -> producer.beginTransaction();
            case "send" -> send(IntStream.range(0, Integer.parseInt(words[4]))
                .mapToObj(i -> new ProducerRecord<String, String>(words[1], Integer.valueOf(words[2]), null, words[3] + "." + i)).toList());
            case "take" -> {
                return ",\"count\":" + take();
            }
            case "offsets" -> producer.sendOffsetsToTransaction(taken, consumer.groupMetadata());
            case "commit" -> producer.commitTransaction();
            case "abort" -> abort();
            case "read" -> {
                return ",\"records\":" + read(words[1], words[2], Integer.parseInt(words[3]));
            }
            default -> throw new IllegalArgumentException(words[0]);
        }
        return "";
    }

    private void send(List<ProducerRecord<String, String>> records) throws Exception {
        List<Future<?>> sent = new ArrayList<>();
        for (ProducerRecord<String, String> r : records) {
            sent.add(producer.send(r));
        }
        for (Future<?> f : sent) {
            f.get();
        }
    }

    private int take() throws Exception {
        ConsumerRecords<String, String> records = consumer.poll(Duration.ofSeconds(1));
        if (records.isEmpty()) {
            return 0;
        }
        producer.beginTransaction();
        taken.clear();
        List<ProducerRecord<String, String>> copies = new ArrayList<>();
        for (ConsumerRecord<String, String> r : records) {
            copies.add(new ProducerRecord<>(flags.get("to"), r.partition(), null, r.value()));
            taken.put(new TopicPartition(r.topic(), r.partition()), new OffsetAndMetadata(r.offset() + 1));
        }
        send(copies);
        return copies.size();
    }

    private void abort() {
        producer.abortTransaction();
        if (consumer == null) {
            return;
        }
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
        for (TopicPartition p : consumer.assignment()) {
            OffsetAndMetadata o = committed.get(p);
            consumer.seek(p, o == null ? 0 : o.offset());
        }
    }

    private String read(String topic, String level, int partitions) {
        List<String> records = new ArrayList<>();
        try (KafkaConsumer<String, String> reader = consumer(Map.of("isolation.level", "read_" + level))) {
            reader.assign(IntStream.range(0, partitions).mapToObj(p -> new TopicPartition(topic, p)).toList());
            for (int left = partitions; left > 0;) {
                for (ConsumerRecord<String, String> r : reader.poll(Duration.ofMillis(200))) {
                    records.add("{\"partition\":" + r.partition() + ",\"offset\":" + r.offset() + ",\"value\":\"" + r.value() + "\"}");
                    left -= r.value().equals("end") ? 1 : 0;
                }
            }
        }
        return records.stream().collect(Collectors.joining(",", "[", "]"));
    }
}
