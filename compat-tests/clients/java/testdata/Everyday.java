import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.AlterConfigsResult;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeTopicsResult;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The Java client in everyday use, as it is told: one source for all versions. See ../../everyday. */
public class Everyday {
    private final String bootstrap;
    private final Map<String, KafkaProducer<String, String>> producers = new HashMap<>();
    private final Topics topics;
    private KafkaConsumer<String, String> member;

    public static void main(String[] args) throws IOException {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err); // what a library prints is no answer
        Everyday client = new Everyday(args[0].substring("bootstrap=".length()));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String answer;
            try {
                answer = "{\"ok\":true" + client.obey(line.split(" ")) + "}";
            } catch (Exception e) {
                answer = "{\"error\":\"" + e.toString().replaceAll("[\"\\\\\\p{Cntrl}]", "'") + "\"}";
            }
            out.println(answer);
        }
        Runtime.getRuntime().halt(0);
    }

    Everyday(String bootstrap) {
        this.bootstrap = bootstrap;
        this.topics = new Topics(bootstrap);
    }

    /** Carries out a command, and says what its answer has beyond ok. */
    private String obey(String[] w) throws Exception {
        switch (w[0]) {
            case "produce": {
                String name = w[2] + w[3];
                if (!producers.containsKey(name)) {
                    // snippet: producer
                    Properties p = new Properties();
                    p.put("bootstrap.servers", bootstrap);
                    p.put("acks", "all");
                    p.put("compression.type", w[2]);
                    p.put("enable.idempotence", w[3]);
                    // snippet: end
                    producers.put(name, new KafkaProducer<>(p, new StringSerializer(), new StringSerializer()));
                }
                send(producers.get(name), w[1], Arrays.copyOfRange(w, 4, w.length));
                return "";
            }
            case "transact":
                transact(w[2], w[1], w[3].equals("commit"), Arrays.copyOfRange(w, 4, w.length));
                return "";
            case "read":
                return ",\"records\":" + read(w[1], Integer.parseInt(w[2]), Integer.parseInt(w[3]), w[4]);
            case "join":
                join(w[1], w[2], w[3]);
                return "";
            case "take":
                return ",\"records\":" + poll(member, Integer.parseInt(w[1]));
            case "commit":
                member.commitSync();
                return "";
            case "leave":
                member.close();
                return "";
            case "offset":
                return ",\"offset\":" + offset(new TopicPartition(w[1], Integer.parseInt(w[2])), w[3]);
            default:
                return topics.obey(w);
        }
    }

    private void send(KafkaProducer<String, String> producer, String topic, String[] records) throws Exception {
        List<Future<?>> sent = new ArrayList<>();
        for (String word : records) {
            String[] f = word.split("\\|", -1);
            ProducerRecord<String, String> r = new ProducerRecord<>(topic, Integer.valueOf(f[0]), Long.valueOf(f[1]), orNull(f[2]), orNull(f[3]));
            for (String h : f[4].isEmpty() ? new String[0] : f[4].split(",")) {
                String[] pair = h.split("=", 2);
                r.headers().add(pair[0], pair[1].getBytes(StandardCharsets.UTF_8));
            }
            sent.add(producer.send(r));
        }
        for (Future<?> f : sent) {
            f.get();
        }
    }

    private static String orNull(String field) {
        return field.equals("-") ? null : field;
    }

    private void transact(String id, String topic, boolean commit, String[] records) throws Exception {
        KafkaProducer<String, String> producer = producers.get(id);
        if (producer == null) {
            Properties p = new Properties();
            p.put("bootstrap.servers", bootstrap);
            p.put("transactional.id", id);
            producer = new KafkaProducer<>(p, new StringSerializer(), new StringSerializer());
            producers.put(id, producer);
            producer.initTransactions();
        }
        producer.beginTransaction();
        send(producer, topic, records);
        if (commit) {
            producer.commitTransaction();
        } else {
            producer.abortTransaction();
        }
    }

    private KafkaConsumer<String, String> consumer(String... more) {
        // snippet: consumer
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        // snippet: end
        for (int i = 0; i < more.length; i += 2) {
            p.put(more[i], more[i + 1]);
        }
        return new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer());
    }

    private String read(String topic, int partitions, int count, String level) throws Exception {
        try (KafkaConsumer<String, String> reader = consumer("isolation.level", "read_" + level)) {
            reader.assign(IntStream.range(0, partitions).mapToObj(p -> new TopicPartition(topic, p)).collect(Collectors.toList()));
            return poll(reader, count);
        }
    }

    private void join(String topic, String group, String protocol) {
        // Clients before 3.7 do not know the name, and take the classic protocol.
        String[] ask = protocol.equals("classic") ? new String[0] : new String[] {"group.protocol", protocol};
        List<String> more = new ArrayList<>(Arrays.asList(ask));
        more.addAll(Arrays.asList("group.id", group));
        member = consumer(more.toArray(new String[0]));
        member.subscribe(List.of(topic));
    }

    private static String poll(KafkaConsumer<String, String> consumer, int count) throws Exception {
        List<String> records = new ArrayList<>();
        while (records.size() < count) {
            ConsumerRecords<String, String> got = Versions.poll(consumer, 200);
            for (ConsumerRecord<String, String> r : got) {
                records.add(json(r));
            }
        }
        return records.stream().collect(Collectors.joining(",", "[", "]"));
    }

    private static String json(ConsumerRecord<String, String> r) {
        List<String> headers = new ArrayList<>();
        for (Header h : r.headers()) {
            headers.add("[" + quoted(h.key()) + "," + quoted(new String(h.value(), StandardCharsets.UTF_8)) + "]");
        }
        return "{\"partition\":" + r.partition() + ",\"offset\":" + r.offset() + ",\"timestamp\":" + r.timestamp()
            + ",\"key\":" + quoted(r.key()) + ",\"value\":" + quoted(r.value()) + ",\"headers\":[" + String.join(",", headers) + "]}";
    }

    static String quoted(String s) {
        return s == null ? "null" : "\"" + s + "\"";
    }

    private long offset(TopicPartition p, String at) {
        try (KafkaConsumer<String, String> asker = consumer()) {
            switch (at) {
                case "earliest":
                    return asker.beginningOffsets(List.of(p)).get(p);
                case "latest":
                    return asker.endOffsets(List.of(p)).get(p);
                default:
                    OffsetAndTimestamp found = asker.offsetsForTimes(Map.of(p, Long.valueOf(at))).get(p);
                    return found == null ? -1 : found.offset();
            }
        }
    }
}

/** What differs between versions of the client: a method that one of them has not. */
class Versions {
    /** Before 2.0 it takes a number. */
    @SuppressWarnings("unchecked")
    static ConsumerRecords<String, String> poll(KafkaConsumer<String, String> consumer, long millis) throws Exception {
        Method newer = method(KafkaConsumer.class, "poll", Duration.class);
        return (ConsumerRecords<String, String>) (newer != null
            ? newer.invoke(consumer, Duration.ofMillis(millis))
            : method(KafkaConsumer.class, "poll", long.class).invoke(consumer, millis));
    }

    /** Before 3.1 all() has another name. */
    @SuppressWarnings("unchecked")
    static TopicDescription describe(AdminClient admin, String topic) throws Exception {
        DescribeTopicsResult result = admin.describeTopics(List.of(topic));
        Method newer = method(DescribeTopicsResult.class, "allTopicNames");
        Object all = (newer != null ? newer : method(DescribeTopicsResult.class, "all")).invoke(result);
        return ((KafkaFuture<Map<String, TopicDescription>>) all).get().get(topic);
    }

    /** Before 2.3 there is the request alone that takes all other configs away. */
    static void alter(AdminClient admin, ConfigResource topic, String[] config) throws Exception {
        ConfigEntry entry = new ConfigEntry(config[0], config[1]);
        Method newer = method(AdminClient.class, "incrementalAlterConfigs", Map.class);
        Object argument = Map.of(topic, new Config(List.of(entry)));
        if (newer != null) {
            Class<?> op = Class.forName("org.apache.kafka.clients.admin.AlterConfigOp");
            Object set = Class.forName(op.getName() + "$OpType").getField("SET").get(null);
            argument = Map.of(topic, List.of(op.getConstructors()[0].newInstance(entry, set)));
        }
        AlterConfigsResult result = (AlterConfigsResult)
            (newer != null ? newer : method(AdminClient.class, "alterConfigs", Map.class)).invoke(admin, argument);
        result.all().get();
    }

    private static Method method(Class<?> of, String name, Class<?>... arguments) {
        try {
            return of.getMethod(name, arguments);
        } catch (NoSuchMethodException e) {
            return null;
        }
    }
}

/** Topics and their configs. */
class Topics {
    private final AdminClient admin;

    Topics(String bootstrap) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        admin = AdminClient.create(p);
    }

    String obey(String[] w) throws Exception {
        switch (w[0]) {
            case "create": {
                String[] config = w[3].split("=", 2);
                admin.createTopics(List.of(new NewTopic(w[1], Integer.parseInt(w[2]), (short) 1).configs(Map.of(config[0], config[1])))).all().get();
                return "";
            }
            case "list":
                return ",\"topics\":" + admin.listTopics().names().get().stream().map(Everyday::quoted).collect(Collectors.joining(",", "[", "]"));
            case "describe":
                return ",\"partitions\":" + Versions.describe(admin, w[1]).partitions().size();
            case "config": {
                ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, w[1]);
                return ",\"value\":" + Everyday.quoted(admin.describeConfigs(List.of(topic)).all().get().get(topic).get(w[2]).value());
            }
            case "alter":
                Versions.alter(admin, new ConfigResource(ConfigResource.Type.TOPIC, w[1]), w[2].split("=", 2));
                return "";
            case "grow":
                admin.createPartitions(Map.of(w[1], NewPartitions.increaseTo(Integer.parseInt(w[2])))).all().get();
                return "";
            case "delete":
                admin.deleteTopics(List.of(w[1])).all().get();
                return "";
            default:
                throw new IllegalArgumentException(w[0]);
        }
    }
}
