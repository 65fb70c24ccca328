package harness

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// clusterID is any valid one; tests mask it.
const clusterID = "MkU3OEVBNTcwNTJENDM2Qg"

const log4jConfig = `status = WARN
name = compat
appender.stdout.type = Console
appender.stdout.name = STDOUT
appender.stdout.layout.type = PatternLayout
appender.stdout.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = WARN
rootLogger.appenderRef.stdout.ref = STDOUT
`

// startKafka starts Apache Kafka with one node that is broker and controller.
func startKafka(ctx context.Context, opts Options) (Broker, error) {
	lib, err := fetchJars(ctx)
	if err == nil && opts.Plugin != "" {
		lib, err = lib.with(ctx, opts.Plugin)
	}
	if err != nil {
		return nil, err
	}
	ports, err := FreePorts(2)
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(opts.Dir, "server.properties")
	if err := os.WriteFile(conf, kafkaProperties(opts, ports[0], ports[1]), 0o644); err != nil {
		return nil, err
	}
	log4j := filepath.Join(opts.Dir, "log4j2.properties")
	if err := os.WriteFile(log4j, []byte(log4jConfig), 0o644); err != nil {
		return nil, err
	}
	logging := "-Dlog4j2.configurationFile=" + log4j
	format := exec.CommandContext(ctx, "java", "-Xmx128m", logging, "-cp", lib.classPath,
		"kafka.tools.StorageTool", "format", "-t", clusterID, "-c", conf)
	if out, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format Kafka's storage: %w\n%s", err, out)
	}
	b := &broker{
		target: Kafka,
		addr:   Local(ports[0]),
		opts:   opts,
		proc: process{
			// The flags of Kafka's own start script, without its G1 logging.
			argv: []string{
				"java", "-Xmx" + opts.Heap, "-Xms" + opts.Heap, "-server", "-XX:+UseG1GC",
				"-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
				"-XX:+ExplicitGCInvokesConcurrent", "-XX:MaxInlineLevel=15",
				"-Djava.awt.headless=true", logging, "-cp", lib.classPath, "kafka.Kafka", conf,
			},
			logFile: filepath.Join(opts.Dir, "broker.log"),
		},
	}
	return b, b.boot()
}

func kafkaProperties(opts Options, port, controller int) []byte {
	props := map[string]string{
		"process.roles":                                    "broker,controller",
		"node.id":                                          "1",
		"controller.quorum.voters":                         "1@" + Local(controller),
		"controller.listener.names":                        "CONTROLLER",
		"listeners":                                        "PLAINTEXT://" + Local(port) + ",CONTROLLER://" + Local(controller),
		"listener.security.protocol.map":                   "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"log.dirs":                                         filepath.Join(opts.Dir, "data"),
		"offsets.topic.replication.factor":                 "1",
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
	}
	maps.Copy(props, opts.Props)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(props)) {
		fmt.Fprintf(&text, "%s=%s\n", name, props[name])
	}
	return []byte(text.String())
}
