package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/cli/doctor"
	"github.com/mainstem-mq/mainstem/internal/words"
)

const doctorLong = `Find out why clients cannot connect to a Kafka broker, and say it in words: whether its
name is known and its port open, what it speaks, which clients it shuts out by the versions
that it serves, whether the addresses that it tells its clients lead to the right brokers
from this machine, and who coordinates. It works with every Kafka broker.

Run it on the machine, or in the container, where the client does not connect: most of
what goes wrong depends on that.

It writes and creates nothing, unless --write names a topic for a record: by the time that
the broker puts into it the clocks are compared. Without -o json findings are printed
as they come. It exits with 1 if there is a failure; warnings are none.`

// newDoctor is the command.
func newDoctor(s *Shell) *cobra.Command {
	f := flags{shell: s}
	cfg := doctor.Config{Clock: s.Clock}
	c := &cobra.Command{
		Use:   "doctor [HOST:PORT]",
		Short: "Say why clients cannot connect to a broker",
		Long:  doctorLong,
		Example: `  mainstem doctor
  mainstem doctor kafka.example.org:9092
  mainstem doctor kafka.example.org:9093 --tls -o json
  mainstem doctor --write clock.test`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && f.bootstrap != "" {
				return UsageError{errors.New("the address stands twice on the command line: as an argument, and with -b")}
			}
			if len(args) == 1 {
				f.bootstrap = args[0]
			}
			return f.doctor(cmd, cfg)
		},
	}
	c.Flags().BoolVar(&cfg.TLS, "tls", false, "speak TLS, as clients with security.protocol=SSL do")
	c.Flags().StringVar(&cfg.WriteTopic, "write", "", "write one record to `TOPIC`, to compare the clocks")
	f.register(c, outputTable, outputJSON)
	_ = c.RegisterFlagCompletionFunc("write", f.completeTopics) // it fails for a flag that there is not
	return c
}

// doctor examines the first of the addresses that the flags name.
func (f *flags) doctor(cmd *cobra.Command, cfg doctor.Config) error {
	addresses, source, err := f.seeds()
	if err != nil {
		return err
	}
	if len(addresses) > 1 {
		return UsageError{fmt.Errorf("%s names %d addresses; look at one after the other", source, len(addresses))}
	}
	if cfg.WriteTopic != "" {
		if err := checkTopicNames([]string{cfg.WriteTopic}); err != nil {
			return err
		}
	}
	cfg.Address, cfg.Timeout = addresses[0], f.timeout
	p := &printer{out: cmd.OutOrStdout()}
	if f.output != outputJSON {
		cfg.Told = p.finding
	}
	report := doctor.Examine(cmd.Context(), cfg)
	if cmd.Context().Err() != nil {
		return errors.New("interrupted")
	}
	if f.output == outputJSON {
		if err := f.show(cmd.OutOrStdout(), report, nil); err != nil {
			return err
		}
	}
	if p.err != nil {
		return written(0, p.err)
	}
	return verdict(&report)
}

// markWide is how wide the column of marks is.
const (
	markWide  = len(doctor.NotChecked)
	checkWide = len("coordinator")
)

// finding prints one finding, and below it what it means.
func (p *printer) finding(f doctor.Finding) {
	mark := string(f.Mark)
	if f.Mark == doctor.Failure {
		mark = strings.ToUpper(mark)
	}
	p.printf("%-*s  %-*s  %s\n", markWide, mark, checkWide, f.Check, words.Shown(f.Text))
	for _, more := range []struct{ head, text string }{{"it means", f.Means}, {"to do", f.Next}} {
		if more.text != "" {
			p.printf("%*s  %s: %s\n", markWide+2+checkWide, "", more.head, words.Shown(more.text))
		}
	}
}

// verdict is the error of an examination: nil if a client can connect.
func verdict(r *doctor.Report) error {
	if r.Failures == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s found", words.Quoted(r.Address), words.Counted(r.Failures, "failure was", "failures were"))
}
