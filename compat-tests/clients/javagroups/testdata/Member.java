import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;

/** A member of a group: KEY=VALUE arguments, commands on stdin, one JSON line on stdout for all that happens. See ../../groups. */
public class Member implements ConsumerRebalanceListener {
    private static final PrintStream out = System.out;

    private final KafkaConsumer<String, String> consumer;
    private final boolean classic;
    private final CountDownLatch go = new CountDownLatch(1);
    private volatile boolean stop;
    private volatile long pace;

    public static void main(String[] args) {
        System.setOut(System.err); // what a library prints is no event
        Map<String, String> flags = new HashMap<>();
        for (String a : args) {
            int eq = a.indexOf('=');
            flags.put(a.substring(0, eq), a.substring(eq + 1));
        }
        new Member(flags).run(flags.get("topic"));
    }

    Member(Map<String, String> flags) {
        Properties p = new Properties();
        p.put("bootstrap.servers", flags.get("bootstrap"));
        p.put("group.id", flags.get("group"));
        p.put("group.protocol", flags.get("protocol"));
        p.put("auto.offset.reset", flags.get("reset"));
        p.put("auto.commit.interval.ms", "200");
        p.put("max.poll.records", "10");
        p.put("fetch.max.wait.ms", "100");
        p.put("interceptor.classes", Commits.class.getName());
        if (flags.containsKey("instance")) {
            p.put("group.instance.id", flags.get("instance"));
        }
        classic = flags.get("protocol").equals("classic");
        if (classic) {
            p.put("session.timeout.ms", flags.get("session"));
            p.put("heartbeat.interval.ms", flags.get("heartbeat"));
            p.put("partition.assignment.strategy", switch (flags.get("assignor")) {
                case "range" -> "org.apache.kafka.clients.consumer.RangeAssignor";
                case "cooperative-sticky" -> "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";
                default -> throw new IllegalArgumentException(flags.get("assignor"));
            });
        }
        consumer = new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer());
    }

    private void run(String topic) {
        Thread commands = new Thread(this::obey);
        commands.setDaemon(true);
        commands.start();
        say("ready", "");
        try {
            go.await();
            consumer.subscribe(List.of(topic), this);
            while (!stop) {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(100));
                for (ConsumerRecord<String, String> r : records) {
                    Thread.sleep(pace);
                    say("record", "\"partition\":" + r.partition() + ",\"offset\":" + r.offset() + ",\"value\":\"" + r.value() + "\"");
                }
            }
        } catch (WakeupException e) {
            // told to stop
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        say("closing", "");
        consumer.close();
        say("closed", "");
        Runtime.getRuntime().halt(0);
    }

    /** go: join. stop: leave the group. pace N: take N ms for each record. The end of the input is the end of the test. */
    private void obey() {
        try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                if (line.equals("go")) {
                    go.countDown();
                } else if (line.equals("stop")) {
                    stop = true;
                    consumer.wakeup();
                } else if (line.startsWith("pace ")) {
                    pace = Long.parseLong(line.substring(5));
                }
            }
        } catch (IOException e) {
            System.err.println(e);
        }
        if (!stop) {
            Runtime.getRuntime().halt(3);
        }
    }

    /** Says what happened, and when by a clock that all processes of a machine have in common. */
    private static synchronized void say(String event, String more) {
        out.println("{\"at\":" + System.nanoTime() + ",\"event\":\"" + event + "\"" + (more.isEmpty() ? "" : ",") + more + "}");
        out.flush();
    }

    private void moved(String event, Collection<TopicPartition> partitions) {
        // Members of the consumer protocol are told what they own, and only some time later in which epoch.
        int generation = classic ? consumer.groupMetadata().generationId() : -1;
        say(event, "\"generation\":" + generation + ",\"partitions\":"
            + partitions.stream().map(p -> String.valueOf(p.partition())).collect(Collectors.joining(",", "[", "]")));
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        moved("assigned", partitions);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        moved("revoked", partitions);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        moved("lost", partitions);
    }

    /** Sees also what the client commits by itself. */
    public static class Commits implements ConsumerInterceptor<String, String> {
        @Override
        public ConsumerRecords<String, String> onConsume(ConsumerRecords<String, String> records) {
            return records;
        }

        @Override
        public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {
            say("committed", "\"offsets\":" + offsets.entrySet().stream()
                .map(e -> "\"" + e.getKey().partition() + "\":" + e.getValue().offset()).collect(Collectors.joining(",", "{", "}")));
        }

        @Override
        public void close() {
        }

        @Override
        public void configure(Map<String, ?> configs) {
        }
    }
}
