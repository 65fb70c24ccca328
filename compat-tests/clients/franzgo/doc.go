// Package franzgo tests a broker with franz-go: the client kgo, the admin client
// kadm, and single requests by kmsg where these hide what is to be seen.
//
// Files in reading order: main_test.go (the shared broker), produce_test.go,
// group_test.go, admin_test.go. allow.txt lists what must pass on Mainstem.
package franzgo
