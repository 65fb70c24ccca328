import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.ApiVersions;
import org.apache.kafka.clients.ClientDnsLookup;
import org.apache.kafka.clients.ClientUtils;
import org.apache.kafka.clients.GroupRebalanceConfig;
import org.apache.kafka.clients.Metadata;
import org.apache.kafka.clients.MetadataRecoveryStrategy;
import org.apache.kafka.clients.NetworkClient;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.internals.AbstractCoordinator;
import org.apache.kafka.clients.consumer.internals.ConsumerNetworkClient;
import org.apache.kafka.common.internals.ClusterResourceListeners;
import org.apache.kafka.common.message.JoinGroupRequestData.JoinGroupRequestProtocol;
import org.apache.kafka.common.message.JoinGroupRequestData.JoinGroupRequestProtocolCollection;
import org.apache.kafka.common.message.JoinGroupResponseData.JoinGroupResponseMember;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.network.Selector;
import org.apache.kafka.common.utils.LogContext;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.Timer;

/**
 * Who leads: members join a group of the protocol type "sr" with their addresses, and the
 * member that the broker has chosen to assign tells all the same address. It does so with
 * Kafka's own coordinator of clients, as schema registries do.
 */
class Leadership extends Thread {
    private static final int SESSION_MS = 6_000;
    private static final int REBALANCE_MS = 30_000;
    private static final int HEARTBEAT_MS = 500;
    private static final int REQUEST_MS = 40_000;

    private final Member member;
    private final ConsumerNetworkClient client;
    private volatile String leader;
    private volatile boolean away; // the broker: the leader may be another by now
    private volatile int generation = -1;

    Leadership(String broker, String group, String self) {
        LogContext log = new LogContext("[" + self + "] ");
        Metrics metrics = new Metrics();
        Metadata metadata = new Metadata(100, 1000, 60_000, log, new ClusterResourceListeners());
        metadata.bootstrap(ClientUtils.parseAndValidateAddresses(List.of(broker), ClientDnsLookup.USE_ALL_DNS_IPS));
        ConsumerConfig plain = new ConsumerConfig(Map.of("bootstrap.servers", broker,
            "key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer",
            "value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer"));
        Selector selector = new Selector(540_000, metrics, Time.SYSTEM, "sr", ClientUtils.createChannelBuilder(plain, Time.SYSTEM, log), log);
        NetworkClient network = new NetworkClient(selector, metadata, "sr", 100, 50, 1000, -1, -1, REQUEST_MS, 10_000, 30_000,
            Time.SYSTEM, true, new ApiVersions(), log, MetadataRecoveryStrategy.NONE);
        client = new ConsumerNetworkClient(log, network, metadata, Time.SYSTEM, 100, REQUEST_MS, Integer.MAX_VALUE);
        member = new Member(group, self, log, metrics);
        setDaemon(true);
    }

    /** The address of the leader, or null while members are joining or the broker is away. */
    String leader() {
        return away ? null : leader;
    }

    int generation() {
        return generation;
    }

    @Override
    public void run() {
        while (true) {
            try {
                member.take();
            } catch (Exception e) {
                System.err.println("no place in the group: " + e);
                leader = null;
                Time.SYSTEM.sleep(200);
            }
        }
    }

    private class Member extends AbstractCoordinator {
        private final byte[] address;

        Member(String group, String self, LogContext log, Metrics metrics) {
            super(new GroupRebalanceConfig(SESSION_MS, REBALANCE_MS, HEARTBEAT_MS, group, Optional.empty(), null, 100, 1000),
                log, Leadership.this.client, metrics, "sr", Time.SYSTEM);
            address = self.getBytes(StandardCharsets.UTF_8);
        }

        /** Joins if there is something to join, and lets the client work for a moment. */
        void take() {
            away = coordinatorUnknown();
            if (away) {
                ensureCoordinatorReady(Time.SYSTEM.timer(1000));
                return;
            }
            ensureActiveGroup();
            pollHeartbeat(Time.SYSTEM.milliseconds());
            Leadership.this.client.poll(Time.SYSTEM.timer(Math.min(HEARTBEAT_MS, timeToNextHeartbeat(Time.SYSTEM.milliseconds()))));
        }

        @Override
        protected String protocolType() {
            return "sr";
        }

        @Override
        protected JoinGroupRequestProtocolCollection metadata() {
            return new JoinGroupRequestProtocolCollection(
                List.of(new JoinGroupRequestProtocol().setName("v0").setMetadata(address)).iterator());
        }

        @Override
        protected boolean onJoinPrepare(Timer timer, int generation, String memberId) {
            leader = null;
            return true;
        }

        @Override
        protected Map<String, ByteBuffer> onLeaderElected(String chosen, String protocol, List<JoinGroupResponseMember> members, boolean skipAssignment) {
            String first = members.stream().map(m -> new String(m.metadata(), StandardCharsets.UTF_8)).sorted().findFirst().orElseThrow();
            Map<String, ByteBuffer> all = new HashMap<>();
            for (JoinGroupResponseMember m : members) {
                all.put(m.memberId(), ByteBuffer.wrap(first.getBytes(StandardCharsets.UTF_8)));
            }
            return all;
        }

        @Override
        protected void onJoinComplete(int joined, String memberId, String protocol, ByteBuffer assignment) {
            generation = joined;
            leader = StandardCharsets.UTF_8.decode(assignment).toString();
        }
    }
}
