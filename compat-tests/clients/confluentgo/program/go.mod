module github.com/mainstem-mq/mainstem/compat-tests/clients/confluentgo/program

go 1.26.0

require (
	github.com/confluentinc/confluent-kafka-go/v2 v2.11.1
	github.com/mainstem-mq/mainstem/compat-tests v0.0.0
)

replace github.com/mainstem-mq/mainstem/compat-tests => ../../..
