import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Executors;

/**
 * A registry of schemas: BROKER GROUP TOPIC PORT. Any of several serves what is registered;
 * one of them, the leader of the group, gives new ids and writes.
 *
 * <pre>
 * POST /subjects/S/versions {"schema": X}   {"id": N}, the same again for the same schema
 * GET  /subjects                            {"S": [N, ..]}
 * GET  /schemas/ids/N                       {"schema": X}
 * PUT  /config/S {"compatibility": X}       what may be changed again and again
 * GET  /config/S                            {"compatibility": X}
 * GET  /leader                              {"leader": URL}, or 503
 * </pre>
 */
public class Registry {
    static final ObjectMapper JSON = new ObjectMapper();

    private final String self;
    private final Journal journal;
    private final Leadership leadership;
    private final HttpClient http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();

    public static void main(String[] args) throws Exception {
        new Registry(args[0], args[1], args[2], Integer.parseInt(args[3]));
    }

    private Registry(String broker, String group, String topic, int port) throws Exception {
        self = "http://127.0.0.1:" + port;
        journal = new Journal(broker, topic);
        leadership = new Leadership(broker, group, self);
        journal.start();
        leadership.start();
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/", this::serve);
        server.start();
    }

    /** What is answered in place of a result. */
    private static class Refusal extends Exception {
        final int status;

        Refusal(int status, String why) {
            super(why);
            this.status = status;
        }
    }

    private void serve(HttpExchange exchange) throws IOException {
        int status = 200;
        Object answer;
        try {
            answer = answer(exchange);
        } catch (Refusal e) {
            status = e.status;
            answer = Map.of("message", e.getMessage());
        } catch (Exception e) {
            status = 503;
            answer = Map.of("message", e.toString());
        }
        byte[] text = JSON.writeValueAsBytes(answer);
        exchange.sendResponseHeaders(status, text.length);
        exchange.getResponseBody().write(text);
        exchange.close();
    }

    private Object answer(HttpExchange exchange) throws Exception {
        String[] path = exchange.getRequestURI().getPath().split("/");
        byte[] body = exchange.getRequestBody().readAllBytes();
        switch (exchange.getRequestMethod() + " " + path[1]) {
            case "POST subjects":
                return isLeader() ? Map.of("id", journal.register(leadership.generation(), path[2], JSON.readTree(body).get("schema").asText()))
                    : forward(exchange, body);
            case "PUT config":
                if (!isLeader()) {
                    return forward(exchange, body);
                }
                journal.configure(path[2], JSON.readTree(body).get("compatibility").asText());
                return Map.of();
            case "GET subjects":
                return journal.subjects();
            case "GET schemas":
                return Map.of("schema", found(journal.schema(Integer.parseInt(path[3]))));
            case "GET config":
                return Map.of("compatibility", found(journal.config(path[2])));
            case "GET leader":
                return Map.of("leader", leader());
            default:
                throw new Refusal(404, "no such thing");
        }
    }

    private String leader() throws Refusal {
        String leader = leadership.leader();
        if (leader == null) {
            throw new Refusal(503, "no leader is known");
        }
        return leader;
    }

    private boolean isLeader() throws Refusal {
        return leader().equals(self);
    }

    private static String found(String value) throws Refusal {
        if (value == null) {
            throw new Refusal(404, "not found");
        }
        return value;
    }

    /** Has the leader answer. */
    private JsonNode forward(HttpExchange exchange, byte[] body) throws Exception {
        if (exchange.getRequestHeaders().containsKey("X-Forwarded")) {
            throw new Refusal(503, "this is not the leader");
        }
        HttpRequest request = HttpRequest.newBuilder(URI.create(leader() + exchange.getRequestURI()))
            .timeout(Duration.ofSeconds(30)).header("X-Forwarded", self)
            .method(exchange.getRequestMethod(), HttpRequest.BodyPublishers.ofByteArray(body)).build();
        HttpResponse<byte[]> response = http.send(request, HttpResponse.BodyHandlers.ofByteArray());
        if (response.statusCode() != 200) {
            throw new Refusal(response.statusCode(), new String(response.body(), StandardCharsets.UTF_8));
        }
        return JSON.readTree(response.body());
    }
}
