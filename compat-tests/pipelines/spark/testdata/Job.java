import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat_ws;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQuery;

/**
 * Jobs of Spark in one process.
 *
 * <p>Job stream SERVERS INPUT OUTPUT CHECKPOINT FILES: copies INPUT to OUTPUT, each record with
 * where it was as "PARTITION OFFSET VALUE", and to text files in FILES, until it is told "stop", or
 * "drain", after which it takes what there is before. Prints "running" when it begins.
 *
 * <p>Job batch SERVERS INPUT FROM TO: prints "PARTITION OFFSET VALUE" of all records with
 * timestamps from FROM on and below TO, in ms.
 */
public final class Job {
    public static void main(String[] args) throws Exception {
        SparkSession spark = SparkSession.builder()
            .master("local[2]").appName("copy")
            .config("spark.ui.enabled", "false").config("spark.log.level", "ERROR").config("spark.sql.shuffle.partitions", "2")
            .getOrCreate();
        if (args[0].equals("batch")) {
            List<Row> rows = batch(spark, args[1], args[2], Long.parseLong(args[3]), Long.parseLong(args[4])).collectAsList();
            rows.forEach(row -> System.out.println("row " + row.getString(0)));
            System.exit(0);
        }
        Query toKafka = new Query(() -> stream(spark, args[1], args[2], args[3], args[4]));
        Query toFiles = new Query(() -> files(spark, args[1], args[2], args[4] + "-files", args[5]));
        System.out.println("running");
        boolean all = new BufferedReader(new InputStreamReader(System.in)).readLine().equals("drain");
        toKafka.stop(all);
        toFiles.stop(all);
        System.exit(0);
    }

    /**
     * A query that is started again when it fails, a few times, as whoever runs it would do: Spark
     * 4.1.1 ends a query with a NullPointerException behind the first batch that it repeats after a crash.
     */
    private static final class Query {
        private final Callable<StreamingQuery> start;
        private int failures;
        private StreamingQuery query;

        Query(Callable<StreamingQuery> start) throws Exception {
            this.start = start;
            query = start.call();
            Thread watch = new Thread(this::watch);
            watch.setDaemon(true);
            watch.start();
        }

        private void watch() {
            while (true) {
                try {
                    current().awaitTermination();
                    return;
                } catch (Exception e) {
                    again(e);
                }
            }
        }

        private synchronized StreamingQuery current() {
            return query;
        }

        private synchronized void again(Exception e) {
            System.out.println("failed: " + e.getMessage().split("\n")[0]);
            try {
                if (++failures > 3) {
                    throw e;
                }
                query = start.call();
            } catch (Exception last) {
                last.printStackTrace();
                Runtime.getRuntime().halt(1);
            }
        }

        /** Ends the query, after all that is there now was taken if that is asked for. */
        void stop(boolean all) throws Exception {
            while (all) {
                try {
                    current().processAllAvailable();
                    break;
                } catch (Exception e) {
                    Thread.sleep(100); // it was started again, or has failed for good
                }
            }
            current().stop();
        }
    }

    static StreamingQuery stream(SparkSession spark, String servers, String input, String output, String checkpoint) throws Exception {
        // snippet: stream
        Dataset<Row> records = spark.readStream().format("kafka")
            .option("kafka.bootstrap.servers", servers)
            .option("subscribe", input)
            .option("startingOffsets", "earliest")
            .load();
        return records
            .select(col("key"), concat_ws(" ", col("partition"), col("offset"), col("value").cast("string")).as("value"))
            .writeStream().format("kafka")
            .option("kafka.bootstrap.servers", servers)
            .option("topic", output)
            .option("checkpointLocation", checkpoint)
            .start();
        // snippet: end
    }

    static StreamingQuery files(SparkSession spark, String servers, String input, String checkpoint, String files) throws Exception {
        // snippet: files
        return spark.readStream().format("kafka")
            .option("kafka.bootstrap.servers", servers)
            .option("subscribe", input)
            .option("startingOffsets", "earliest")
            .option("kafka.isolation.level", "read_committed")
            .load()
            .select(concat_ws(" ", col("partition"), col("offset"), col("value").cast("string")).as("value"))
            .writeStream().format("text")
            .option("path", files)
            .option("checkpointLocation", checkpoint)
            .start();
        // snippet: end
    }

    static Dataset<Row> batch(SparkSession spark, String servers, String input, long from, long to) {
        // snippet: batch
        return spark.read().format("kafka")
            .option("kafka.bootstrap.servers", servers)
            .option("subscribe", input)
            .option("startingTimestamp", Long.toString(from))
            .option("endingTimestamp", Long.toString(to))
            .load()
            .select(concat_ws(" ", col("partition"), col("offset"), col("value").cast("string")).as("value"));
        // snippet: end
    }
}
