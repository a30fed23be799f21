import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The chain as Kafka Streams would have it: one topology, three processors with a persistent, logged store each; or one that
 * counts and emits; or an application for each step, all in this process.
 * Settings: KAFKA_BROKERS, TOPIC_PREFIX, STATE_FOLDER, GUARANTEE, COMMIT_MS, LINGER_MS, POLL_MS, THREADS, STANDBYS, MEMBER, WORK (chain,
 * count), VARIANT (fused, split).
 */
public final class Chain {
  private static final boolean COUNTS = setting("WORK", "chain").equals("count");
  private static final List<String> STEPS =
      COUNTS ? List.of("counted") : List.of("checked", "accepted", "planned");

  public static void main(String[] arguments) {
    String prefix = setting("TOPIC_PREFIX", "");
    if (!setting("VARIANT", "fused").equals("split")) {
      run(prefix, "streams", "submitted", STEPS);
      return;
    }
    String source = "submitted";
    for (String step : STEPS) {
      run(prefix, "streams." + step, source, List.of(step));
      source = step;
    }
  }

  private static void run(String prefix, String name, String source, List<String> steps) {
    Properties properties = new Properties();
    properties.put("application.id", prefix + name);
    properties.put("bootstrap.servers", setting("KAFKA_BROKERS", ""));
    properties.put("processing.guarantee", setting("GUARANTEE", "exactly_once_v2"));
    properties.put("commit.interval.ms", setting("COMMIT_MS", "100"));
    properties.put("num.stream.threads", setting("THREADS", "1"));
    properties.put("num.standby.replicas", setting("STANDBYS", "0"));
    properties.put("state.dir", setting("STATE_FOLDER", ""));
    properties.put("main.consumer.group.instance.id", setting("MEMBER", "1"));
    properties.put("replication.factor", "1");
    properties.put("main.consumer.auto.offset.reset", "earliest");
    properties.put("consumer.session.timeout.ms", "6000");
    properties.put("consumer.heartbeat.interval.ms", "2000");
    String linger = setting("LINGER_MS", "");
    if (!linger.isEmpty()) properties.put("producer.linger.ms", linger);
    String poll = setting("POLL_MS", "");
    if (!poll.isEmpty()) properties.put("poll.ms", poll);

    StreamsBuilder builder = new StreamsBuilder();
    KStream<String, byte[]> flow =
        builder.stream(
            prefix + "chain." + source, Consumed.with(Serdes.String(), Serdes.ByteArray()));
    for (String step : steps) {
      builder.addStateStore(
          Stores.keyValueStoreBuilder(
              Stores.persistentKeyValueStore(step), Serdes.String(), Serdes.Long()));
      flow = flow.process(() -> new Step(step), step);
      flow.to(prefix + "chain." + step, Produced.with(Serdes.String(), Serdes.ByteArray()));
    }
    KafkaStreams streams = new KafkaStreams(builder.build(), properties);
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }

  /** Counts per key, and passes the record on under the next type and sequence. */
  private static final class Step implements Processor<String, byte[], String, byte[]> {
    private final String name;
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, Long> counts;

    Step(String name) {
      this.name = name;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
      this.context = context;
      this.counts = context.getStateStore(name);
    }

    @Override
    public void process(Record<String, byte[]> record) {
      Long count = counts.get(record.key());
      long times = count == null ? 1L : count + 1;
      counts.put(record.key(), times);
      Headers in = record.headers();
      String cause = text(in, "event_id");
      Headers out = new RecordHeaders();
      put(out, "event_id", cause + "." + name.charAt(0));
      put(out, "event_type", "chain." + name);
      put(out, "correlation_id", text(in, "correlation_id"));
      put(out, "causation_id", cause);
      put(out, "sequence", Long.toString(Long.parseLong(text(in, "sequence")) + 1));
      put(out, "traceparent", text(in, "traceparent"));
      if (COUNTS) put(out, "count", Long.toString(times));
      context.forward(record.withHeaders(out));
    }
  }

  private static String text(Headers headers, String name) {
    return new String(headers.lastHeader(name).value(), StandardCharsets.UTF_8);
  }

  private static void put(Headers headers, String name, String value) {
    headers.add(name, value.getBytes(StandardCharsets.UTF_8));
  }

  private static String setting(String name, String otherwise) {
    String value = System.getenv(name);
    return value == null ? otherwise : value;
  }
}
