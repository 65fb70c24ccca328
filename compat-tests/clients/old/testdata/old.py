"""old.py produce VERSION BOOTSTRAP TOPIC CODEC COUNT
old.py consume VERSION BOOTSTRAP TOPIC GROUP COUNT FETCHBYTES

kafka-python 2.0.2 as it is set for a broker of VERSION."""
import sys

from kafka import KafkaConsumer, KafkaProducer


def produce(version, bootstrap, topic, codec, count):
    # snippet: producer
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, api_version=version, acks='all', linger_ms=20, client_id='old-python',
        compression_type=None if codec == 'none' else codec)
    # snippet: end
    sent = []
    for i in range(int(count)):
        key = None if i % 3 == 0 else b'key-%d' % i
        value = None if i % 6 == 1 else ('%s-%d' % (codec, i)).encode()
        sent.append(producer.send(topic, key=key, value=value, partition=0))
    for f in sent:
        m = f.get(60)
        print('sent', m.partition, m.offset)
    producer.close()


def consume(version, bootstrap, topic, group, count, fetch_bytes):
    # snippet: consumer
    consumer = KafkaConsumer(
        topic, bootstrap_servers=bootstrap, api_version=version, group_id=group,
        auto_offset_reset='earliest', enable_auto_commit=False, client_id='old-python',
        max_partition_fetch_bytes=int(fetch_bytes))
    # snippet: end
    left = int(count)
    for m in consumer:
        text = ['null' if b is None else b.decode() for b in (m.key, m.value)]
        print('got', m.partition, m.offset, *text)
        left -= 1
        if left == 0:
            break
    consumer.commit()
    consumer.close()


verbs = {'produce': produce, 'consume': consume}
verbs[sys.argv[1]](tuple(int(n) for n in sys.argv[2].split('.')), *sys.argv[3:])
print('done')
