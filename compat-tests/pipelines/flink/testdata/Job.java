import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.GlobalConfiguration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.sink.TransactionNamingStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Counts the visits of each visitor, in a Flink of its own:
 * Job CONFIG-DIRECTORY SERVERS NAME INPUT OUTPUT STRATEGY [SETTING=VALUE...].
 *
 * <p>A visit in INPUT has its number as the key and the visitor as the value. For each one
 * OUTPUT gets "COUNT NUMBER" with the visitor as the key: how many visits the visitor has made,
 * and the number of the last one.
 *
 * <p>Prints "fresh" or "restored" when a task that counts begins, and "failed on purpose". The
 * commands are "fail", which has the job fail at its next visit, and "stop DIRECTORY", which
 * stops it with a savepoint.
 */
public final class Job {
    private static final AtomicBoolean failing = new AtomicBoolean();

    public static void main(String[] args) throws Exception {
        Configuration config = GlobalConfiguration.loadConfiguration(args[0]);
        for (int i = 6; i < args.length; i++) {
            String[] setting = args[i].split("=", 2);
            config.setString(setting[0], setting[1]);
        }
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(config);
        build(env, args[1], args[2], args[3], args[4], TransactionNamingStrategy.valueOf(args[5]));
        JobClient job = env.executeAsync(args[2]);
        job.getJobExecutionResult().whenComplete((result, failure) -> {
            if (failure != null) {
                failure.printStackTrace();
                Runtime.getRuntime().halt(1);
            }
        });
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        for (String command = commands.readLine(); command != null; command = commands.readLine()) {
            if (command.equals("fail")) {
                failing.set(true);
            } else {
                job.stopWithSavepoint(false, command.split(" ")[1], SavepointFormatType.CANONICAL).get();
                job.getJobExecutionResult().get();
                System.exit(0);
            }
        }
    }

    private static void build(
            StreamExecutionEnvironment env, String servers, String name, String input, String output, TransactionNamingStrategy strategy) {
        // snippet: job
        KafkaSource<String> source = KafkaSource.<String>builder()
            .setBootstrapServers(servers)
            .setGroupId(name)
            .setTopics(input)
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setDeserializer(new Visits())
            .build();
        KafkaSink<String> sink = KafkaSink.<String>builder()
            .setBootstrapServers(servers)
            .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
            // Of this job only: what else begins so is ended when the job starts.
            .setTransactionalIdPrefix(name)
            .setTransactionNamingStrategy(strategy)
            // Flink's default, an hour, is more than the broker's transaction.max.timeout.ms.
            .setProperty("transaction.timeout.ms", "600000")
            .setRecordSerializer(KafkaRecordSerializationSchema.<String>builder()
                .setTopic(output)
                .setKeySerializationSchema(new Part(0))
                .setValueSerializationSchema(new Part(1))
                .build())
            .build();
        env.fromSource(source, WatermarkStrategy.noWatermarks(), "visits").uid("visits")
            .keyBy(visit -> visit.split(" ")[1])
            .process(new Count()).uid("count")
            .sinkTo(sink).uid("counts");
        // snippet: end
    }

    /** The key or the value of a record of the output, of "VISITOR COUNT NUMBER". */
    private static final class Part implements SerializationSchema<String> {
        private final int index;

        Part(int index) {
            this.index = index;
        }

        @Override
        public byte[] serialize(String line) {
            return line.split(" ", 2)[index].getBytes(StandardCharsets.UTF_8);
        }
    }

    /** A record of the input as "NUMBER VISITOR". */
    private static final class Visits implements KafkaRecordDeserializationSchema<String> {
        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> r, Collector<String> out) {
            out.collect(new String(r.key(), StandardCharsets.UTF_8) + " " + new String(r.value(), StandardCharsets.UTF_8));
        }

        @Override
        public TypeInformation<String> getProducedType() {
            return Types.STRING;
        }
    }

    private static final class Count extends KeyedProcessFunction<String, String, String> implements CheckpointedFunction {
        private transient ValueState<Long> count;

        @Override
        public void initializeState(FunctionInitializationContext context) {
            System.out.println(context.isRestored() ? "restored" : "fresh");
        }

        @Override
        public void snapshotState(FunctionSnapshotContext context) {}

        @Override
        public void open(OpenContext context) {
            count = getRuntimeContext().getState(new ValueStateDescriptor<>("count", Types.LONG));
        }

        @Override
        public void processElement(String visit, Context context, Collector<String> out) throws Exception {
            if (failing.getAndSet(false)) {
                System.out.println("failed on purpose");
                throw new IllegalStateException("fails on purpose");
            }
            Long before = count.value();
            long now = before == null ? 1 : before + 1;
            count.update(now);
            out.collect(context.getCurrentKey() + " " + now + " " + visit.split(" ")[0]);
        }
    }
}
