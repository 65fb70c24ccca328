import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Keeps the balance of each account: App PROPERTIES INPUT OUTPUT [NAME=VALUE...].
 *
 * An order in INPUT has its number as the key, and "ACCOUNT AMOUNT" as the value. For
 * each one OUTPUT gets "COUNT SUM NUMBER" with the account as the key: how many orders
 * the account had, what they come to, and the number of the last one.
 *
 * Prints "state STATE", and "restored STORE RECORDS" for each partition of a store that
 * was read again from its changelog. Ends when stdin says "stop".
 */
public final class App {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        try (Reader in = Files.newBufferedReader(Path.of(args[0]))) {
            settings.load(in);
        }
        for (int i = 3; i < args.length; i++) {
            String[] setting = args[i].split("=", 2);
            settings.setProperty(setting[0], setting[1]);
        }
        KafkaStreams streams = new KafkaStreams(topology(args[1], args[2]), settings);
        streams.setStateListener((now, before) -> {
            System.out.println("state " + now);
            if (now == KafkaStreams.State.ERROR) {
                Runtime.getRuntime().halt(1);
            }
        });
        streams.setGlobalStateRestoreListener(new Restored());
        streams.start();
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        String command;
        do {
            command = commands.readLine();
        } while (command != null && !command.equals("stop"));
        streams.close();
    }

    // snippet: topology
    static Topology topology(String input, String output) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(input, Consumed.with(Serdes.String(), Serdes.String()))
            .map((number, order) -> {
                String[] words = order.split(" ");
                return KeyValue.pair(words[0], number + " " + words[1]);
            })
            // The key is another one: this makes a repartition topic.
            .groupByKey(Grouped.with("by-account", Serdes.String(), Serdes.String()))
            // RocksDB, with a changelog topic.
            .aggregate(() -> "0 0 -", (account, order, balance) -> add(balance, order),
                Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as("balances")
                    .withKeySerde(Serdes.String()).withValueSerde(Serdes.String()))
            .toStream()
            .to(output, Produced.with(Serdes.String(), Serdes.String()));
        return builder.build();
    }
    // snippet: end

    private static String add(String balance, String order) {
        String[] was = balance.split(" ");
        String[] more = order.split(" ");
        long count = Long.parseLong(was[0]) + 1;
        long sum = Long.parseLong(was[1]) + Long.parseLong(more[1]);
        return count + " " + sum + " " + more[0];
    }

    private static final class Restored implements StateRestoreListener {
        @Override
        public void onRestoreStart(TopicPartition partition, String store, long from, long to) {}

        @Override
        public void onBatchRestored(TopicPartition partition, String store, long to, long records) {}

        @Override
        public void onRestoreEnd(TopicPartition partition, String store, long records) {
            System.out.println("restored " + store + " " + records);
        }
    }
}
