# A producer and a consumer that are at work for a few seconds, so that both push metrics.
import sys
import time

from confluent_kafka import Consumer, Producer

address, topic = sys.argv[1:]
producer = Producer({'bootstrap.servers': address, 'client.id': 'rd-producer'})
consumer = Consumer({'bootstrap.servers': address, 'client.id': 'rd-consumer', 'group.id': topic, 'auto.offset.reset': 'earliest'})
consumer.subscribe([topic])
for i in range(30):
    producer.produce(topic, b'v%d' % i)
    producer.flush()
    time.sleep(0.1)
    consumer.poll(0.1)
consumer.close()
producer.flush()
