package config

import (
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Values of NODE_ENV and DELIVERY.
const (
	Development = "development"
	Production  = "production"
	Confirmed   = "confirmed" // deliver a message when the API has stored it
	Live        = "live"      // deliver a message at once and store it then
)

// Config is every setting. The zero value is not valid; Load fills it.
//
// Tags: env and envDefault are read by the environment library; min, max and oneof by Validate; unit, help and
// secret by the documentation.
type Config struct {
	Env string `env:"NODE_ENV" envDefault:"development" oneof:"development,production" help:"production demands all that is required, listens on all interfaces and serves no demo"`

	// Where the router listens.
	Host        string `env:"HOST" help:"address for sockets and health; empty means 127.0.0.1 in development and all interfaces in production"`
	Port        int    `env:"PORT" envDefault:"8080" min:"0" max:"65535" unit:"port" help:"for sockets and health; 0 takes any free one (development only)"`
	MetricsHost string `env:"METRICS_HOST" help:"address for metrics and profiles; empty means 127.0.0.1 in development and all interfaces in production, where a firewall or private network must keep strangers out"`
	MetricsPort int    `env:"METRICS_PORT" envDefault:"9091" min:"0" max:"65535" unit:"port" help:"for metrics and profiles; 0 takes any free one"`

	// Secrets and neighbours.
	JWTSecret         Secret `env:"JWT_SECRET" help:"signs the tokens that open a socket, the same as in the Next.js app; at least 32 bytes; required in production, generated in development"`
	JWTSecretPrevious Secret `env:"JWT_SECRET_PREVIOUS" help:"is accepted too, while JWT_SECRET is being changed"`
	NextAPIURL        string `env:"NEXT_API_URL" help:"base address of the Next.js API, http or https; required in production; in development the embedded stand-in serves when it is empty"`
	InternalAPISecret Secret `env:"INTERNAL_API_SECRET" help:"sent to the API as X-Internal-Secret; at least 32 bytes; required in production, generated in development"`
	RedisURL          Secret `env:"REDIS_URL" help:"redis:// or rediss:// address that joins instances; wins over the UPSTASH variables; production requires one of the two; in development the log and the outbox are in DATA_DIR when none is set"`
	UpstashURL        string `env:"UPSTASH_REDIS_REST_URL" help:"https address of an Upstash database, which is then reached over TLS on port 6379"`
	UpstashToken      Secret `env:"UPSTASH_REDIS_REST_TOKEN" help:"token of the Upstash database"`

	// Limits; a client that breaks one is refused, and nobody else notices.
	AllowedOrigins        []string `env:"ALLOWED_ORIGINS" help:"origins whose pages may open a socket, comma separated, such as https://example.com; empty or * means any, since a token and no cookie authenticates"`
	MaxConnections        int      `env:"MAX_CONNECTIONS" envDefault:"0" min:"0" max:"10000000" unit:"sockets" help:"on this instance; 0 means no limit"`
	MaxConnectionsPerIP   int      `env:"MAX_CONNECTIONS_PER_IP" envDefault:"0" min:"0" max:"10000000" unit:"sockets" help:"from one address; 0 means no limit"`
	MaxConnectionsPerUser int      `env:"MAX_CONNECTIONS_PER_USER" envDefault:"0" min:"0" max:"10000000" unit:"sockets" help:"of one user; 0 means no limit"`
	RateLimit             int      `env:"RATE_LIMIT" envDefault:"20" min:"0" max:"100000" unit:"frames/s" help:"from one socket, with a burst of four times that; 0 means no limit"`
	MaxFrameBytes         int      `env:"MAX_FRAME_BYTES" envDefault:"65536" min:"1024" max:"4194304" unit:"bytes" help:"of one frame from a client"`
	MaxContentChars       int      `env:"MAX_CONTENT_CHARS" envDefault:"16000" min:"1" max:"1000000" unit:"characters" help:"of a message's content"`
	MaxQueueBytes         int      `env:"MAX_QUEUE_BYTES" envDefault:"1048576" min:"65536" max:"67108864" unit:"bytes" help:"queued for one socket before it is closed as too slow"`
	TrustFlyClientIP      bool     `env:"TRUST_FLY_CLIENT_IP" help:"takes a visitor's address from the header Fly-Client-IP; empty means only where FLY_APP_NAME is set"`
	FlyAppName            string   `env:"FLY_APP_NAME" help:"set by Fly.io itself"`

	// How messages are stored, logged and delivered.
	Delivery       string        `env:"DELIVERY" envDefault:"confirmed" oneof:"confirmed,live" help:"confirmed delivers a message when the API has stored it; live shows it at once and stores it then, which needs the batch route"`
	AcceptPatience time.Duration `env:"ACCEPT_PATIENCE" envDefault:"2s" min:"0s" max:"1m" help:"for which the API may take before a message goes into the durable outbox and its sender hears that it is accepted; 0 means never: it is refused after SAVE_PATIENCE"`
	SaveTimeout    time.Duration `env:"SAVE_TIMEOUT" envDefault:"15s" min:"100ms" max:"2m" help:"of one call of the API"`
	SavePatience   time.Duration `env:"SAVE_PATIENCE" envDefault:"10s" min:"0s" max:"10m" help:"for which a message that could not enter the outbox is tried again before it is refused"`
	BatchMax       int           `env:"BATCH_MAX" envDefault:"100" min:"1" max:"1000" unit:"messages" help:"in one call of the batch route"`
	APIConcurrency int           `env:"API_CONCURRENCY" envDefault:"16" min:"1" max:"1000" unit:"calls" help:"that store at once, eight times as many of an API without the batch route; calls that hang and chats for which the API hangs have further ones"`
	DeadLetterAge  time.Duration `env:"DEAD_LETTER_AGE" envDefault:"2160h" min:"0s" max:"87600h" help:"after which a message that the API has refused for good is forgotten, if nobody has retried or discarded it; 0 means never"`
	LogWindow      int           `env:"LOG_WINDOW" envDefault:"1000" min:"10" max:"100000" unit:"entries" help:"kept of each chat's log, for those who come back"`
	ReplayAge      time.Duration `env:"REPLAY_AGE" envDefault:"10m" min:"0s" max:"24h" help:"of the entries that a client without resume is sent when it connects, since it may have missed them; 0 turns this off"`
	ReplayMax      int           `env:"REPLAY_MAX" envDefault:"100" min:"0" max:"1000" unit:"entries" help:"sent so at most"`

	// Operation.
	DrainTimeout time.Duration `env:"DRAIN_TIMEOUT" envDefault:"25s" min:"0s" max:"280s" help:"for a planned stop; the platform's own kill time-out must be longer"`
	LogLevel     slog.Level    `env:"LOG_LEVEL" envDefault:"info" help:"debug, info, warn or error"`
	DataDir      string        `env:"DATA_DIR" envDefault:"./.eclipse" help:"development data: the stand-in's database, the generated secrets and, without Redis, the log and the outbox in router.db, which one router at a time can have open"`
}

// Production tells whether this is a production instance.
func (c *Config) Production() bool { return c.Env == Production }

// Addr is where sockets and health are served, as net.Listen takes it.
func (c *Config) Addr() string { return c.addr(c.Host, c.Port) }

// MetricsAddr is where metrics and profiles are served, as net.Listen takes it.
func (c *Config) MetricsAddr() string { return c.addr(c.MetricsHost, c.MetricsPort) }

func (c *Config) addr(host string, port int) string {
	if host == "" && !c.Production() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// JWTSecrets are the secrets that a token may be signed with, the current one first.
func (c *Config) JWTSecrets() []string {
	secrets := []string{c.JWTSecret.Reveal()}
	if c.JWTSecretPrevious != "" {
		secrets = append(secrets, c.JWTSecretPrevious.Reveal())
	}
	return secrets
}

// LogFile is where log and outbox are kept when there is no Redis.
func (c *Config) LogFile() string { return filepath.Join(c.DataDir, "router.db") }

// Redis is the address of the Redis that joins the instances, empty when there is none. An Upstash database is
// reached as user default with its token as the password, over TLS on port 6379 of the REST address's host.
func (c *Config) Redis() Secret {
	if c.RedisURL != "" || c.UpstashURL == "" {
		return c.RedisURL
	}
	rest, err := url.Parse(c.UpstashURL)
	if err != nil {
		return "" // Validate has refused it
	}
	target := url.URL{
		Scheme: "rediss",
		User:   url.UserPassword("default", c.UpstashToken.Reveal()),
		Host:   net.JoinHostPort(rest.Hostname(), "6379"),
	}
	return Secret(target.String())
}

// normalize brings values to the form that the rest of the program relies on: no slash after a base address,
// origins in lower case without blanks around them.
func (c *Config) normalize() {
	c.NextAPIURL = strings.TrimRight(c.NextAPIURL, "/")
	c.UpstashURL = strings.TrimRight(c.UpstashURL, "/")
	origins := c.AllowedOrigins[:0]
	for _, origin := range c.AllowedOrigins {
		origin = strings.ToLower(strings.TrimRight(strings.TrimSpace(origin), "/"))
		if origin != "" {
			origins = append(origins, origin)
		}
	}
	c.AllowedOrigins = origins
}
