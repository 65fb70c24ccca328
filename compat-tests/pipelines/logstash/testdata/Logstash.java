import java.io.FileInputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.WakeupException;

/**
 * Does with the Kafka client what a pipeline of Logstash from its kafka input to its kafka
 * output does: INPUT.properties OUTPUT.properties TOPIC THREADS TO.
 *
 * <p>Threads of the input poll, and put what they get on a queue in memory; offsets are
 * committed by the client as time goes. The worker sends a batch of events, waits for all
 * of them, and sends those again that failed but may succeed, for as long as it takes. At
 * SIGTERM the input ends, and then the worker when the queue is empty.
 */
public class Logstash {
    private static final int BATCH = 125; // pipeline.batch.size
    private static final int POLL_MS = 100; // poll_timeout_ms

    private final BlockingQueue<String> queue = new ArrayBlockingQueue<>(2 * BATCH);
    private volatile boolean stopping;
    private volatile boolean inputEnded;

    public static void main(String[] args) throws Exception {
        new Logstash().run(properties(args[0]), properties(args[1]), args[2], Integer.parseInt(args[3]), args[4]);
    }

    private static Properties properties(String file) throws IOException {
        Properties p = new Properties();
        try (FileInputStream in = new FileInputStream(file)) {
            p.load(in);
        }
        return p;
    }

    private void run(Properties input, Properties output, String topic, int threads, String to) throws Exception {
        List<Thread> inputs = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            Properties p = new Properties();
            p.putAll(input);
            p.put("client.id", input.getProperty("client.id") + "-" + i);
            Thread t = new Thread(() -> consume(p, topic), "kafka-input-" + i);
            inputs.add(t);
            t.start();
        }
        Thread worker = new Thread(() -> work(output, to), "worker");
        worker.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopping = true;
            try {
                for (Thread t : inputs) {
                    t.join();
                }
                inputEnded = true;
                worker.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        worker.join();
    }

    private void consume(Properties p, String topic) {
        KafkaConsumer<String, String> consumer = new KafkaConsumer<>(p);
        consumer.subscribe(List.of(topic));
        try {
            while (!stopping) {
                try {
                    for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(POLL_MS))) {
                        queue.put(r.value());
                    }
                } catch (WakeupException e) {
                    break;
                } catch (RuntimeException e) {
                    System.err.println("unable to poll: " + e);
                    TimeUnit.SECONDS.sleep(1);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            consumer.close();
        }
    }

    private void work(Properties p, String to) {
        long backoff = Long.parseLong(p.getProperty("retry.backoff.ms"));
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(p)) {
            while (!inputEnded || !queue.isEmpty()) {
                String first = queue.poll(POLL_MS, TimeUnit.MILLISECONDS);
                if (first == null) {
                    continue;
                }
                List<String> batch = new ArrayList<>(List.of(first));
                queue.drainTo(batch, BATCH - 1);
                for (batch = failed(producer, to, batch); !batch.isEmpty(); batch = failed(producer, to, batch)) {
                    TimeUnit.MILLISECONDS.sleep(backoff);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Sends events, and returns those that are worth another try. Others are dropped. */
    private static List<String> failed(KafkaProducer<String, String> producer, String to, List<String> batch) throws InterruptedException {
        List<String> again = new ArrayList<>();
        List<String> sent = new ArrayList<>();
        List<Future<RecordMetadata>> futures = new ArrayList<>();
        for (String event : batch) {
            try {
                futures.add(producer.send(new ProducerRecord<>(to, event)));
                sent.add(event);
            } catch (RetriableException e) {
                again.add(event);
            }
        }
        for (int i = 0; i < futures.size(); i++) {
            try {
                futures.get(i).get();
            } catch (ExecutionException e) {
                System.err.println("send failed: " + e.getCause());
                if (e.getCause() instanceof RetriableException) {
                    again.add(sent.get(i));
                }
            }
        }
        return again;
    }
}
