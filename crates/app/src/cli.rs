//! The command line. Data goes to stdout and talk to stderr; exit codes are 0 done, 1 refused or failed, 2 usage.

mod apply;
mod bench;
mod config;
mod doctor;
mod explain;
mod fields;
mod instance;
mod issuer;
mod logs;
mod print;
mod secret;
mod tenant;
mod token;
mod top;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use partywall_control::wire::{AskDiff, AskHistory, Rollback};
use partywall_documents::Kind;

use crate::admin_client::AdminClient;
use crate::{demo, serve};

/// Serves MCP servers to many customers behind one URL. Each caller's OAuth token says whose call it is.
#[derive(Parser)]
#[command(name = "partywall", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything in one process: gateway, store, a notes server, and an issuer that makes tokens
    Demo(demo::Arguments),
    /// Run the gateway and its admin listener
    Serve {
        /// The settings, in TOML
        #[arg(long, value_name = "FILE", env = "PARTYWALL_CONFIG")]
        config: PathBuf,
    },
    /// Check the settings, and try what each tier of instances really enforces on this host
    Doctor {
        /// The settings, in TOML
        #[arg(long, value_name = "FILE", env = "PARTYWALL_CONFIG")]
        config: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
    /// Apply documents: issuers, servers, plans and tenants
    Apply {
        /// A file (.toml, .yaml, .json), or a folder of such files
        #[arg(short, long = "file", value_name = "PATH", required = true, num_args = 1..)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        admin: Admin,
    },
    /// Look at the history of the configuration, and go back in it
    Config {
        #[command(subcommand)]
        command: Config,
    },
    /// Look at tenants
    Tenant {
        #[command(subcommand)]
        command: Tenant,
    },
    /// Look at the instances of servers that run for tenants, and stop one
    Instance {
        #[command(subcommand)]
        command: Instance,
    },
    /// Set secrets of tenants, see which there are, and seal them anew. No command shows a value
    Secret {
        #[command(subcommand)]
        command: secret::Command,
    },
    /// Look at issuers, and try the way to a token of one
    Issuer {
        #[command(subcommand)]
        command: Issuer,
    },
    /// Make a token with the development issuer of a demo
    Token(Token),
    /// Explain a token or a request: which tenant, by which rule, what is left, why refused
    Explain(Explain),
    /// Measure an MCP endpoint: latencies, failures, and the CPU time of the process behind it
    Bench(bench::Arguments),
    /// Show what the journal has: calls and refusals, the newest last
    Logs(Logs),
    /// Show who is busy now: calls, refusals, what is in flight and where the time goes, per tenant
    Top(Top),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Subcommand)]
enum Config {
    /// Show who changed the configuration, when and why, the newest revision first
    History {
        /// Only of this document, for example tenant.acme
        #[arg(value_name = "KIND.NAME", value_parser = document)]
        document: Option<String>,
        /// Only revisions before this one
        #[arg(long, value_name = "REVISION")]
        before: Option<u64>,
        /// At most so many
        #[arg(long, value_name = "NUMBER", default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        admin: Admin,
    },
    /// Show what differs between two revisions, field by field; of one revision alone, what it changed
    Diff {
        /// From this revision; alone, the one that is shown
        #[arg(value_name = "REVISION")]
        from: Option<u64>,
        /// To this one
        #[arg(value_name = "REVISION")]
        to: Option<u64>,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        admin: Admin,
    },
    /// Make stand again what stood at a revision, as a new one; tenants keep their ids
    Rollback {
        /// The revision
        revision: u64,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        admin: Admin,
    },
}

#[derive(Subcommand)]
enum Tenant {
    /// List the tenants
    List {
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        admin: Admin,
    },
    /// Show one tenant: identities, limits with their origin, servers and what it may call
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        admin: Admin,
    },
}

/// How the configuration is changed, whatever the change is.
#[derive(Args)]
struct Change {
    /// Check and show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Why, for the history
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Subcommand)]
enum Instance {
    /// List the instances that run, the oldest first
    List {
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        admin: Admin,
    },
    /// Show one instance: whose it is, what it uses, and what is enforced for it
    Show {
        /// Its id, as `instance list` shows it
        id: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        admin: Admin,
    },
    /// Show what instances of a server said lately beside the protocol; also those that ended
    Logs {
        /// The server
        server: String,
        /// The tenant; without it, of instances that serve all tenants
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        admin: Admin,
    },
    /// Stop an instance when its calls are done; the next call starts another
    Stop {
        /// Its id, as `instance list` shows it
        id: String,
        #[command(flatten)]
        admin: Admin,
    },
}

#[derive(Subcommand)]
enum Issuer {
    /// List the trusted issuers
    List {
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        admin: Admin,
    },
    /// Walk from its metadata to a tenant, and say what to change where the way ends
    Test {
        /// The name of its document
        name: String,
        /// Look at a token of it too: from this file, or from stdin with `-`. It is never printed
        #[arg(long, value_name = "FILE|-")]
        token: Option<String>,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        admin: Admin,
    },
}

#[derive(Args)]
pub(crate) struct Token {
    /// The data folder of the demo
    #[arg(long, value_name = "DIR", default_value = ".partywall", env = "PARTYWALL_DATA")]
    pub(crate) data: PathBuf,
    /// What the token's tenant claim shall say
    #[arg(long)]
    pub(crate) tenant: String,
    /// Whom the token shall speak for
    #[arg(long)]
    pub(crate) subject: String,
    /// Scopes, separated by spaces
    #[arg(long, default_value = "")]
    pub(crate) scope: String,
    /// How long it shall live: 90s, 15m, 12h, 7d
    #[arg(long, default_value = "12h", value_parser = lifetime)]
    pub(crate) ttl: Duration,
    /// For this server alone; otherwise for all
    #[arg(long, value_name = "NAME")]
    pub(crate) server: Option<String>,
}

#[derive(Args)]
#[group(id = "about", required = true, multiple = false, args = ["token", "request"])]
pub(crate) struct Explain {
    /// Read a token from this file, or from stdin with `-`
    #[arg(long, value_name = "FILE|-")]
    pub(crate) token: Option<String>,
    /// The id of a request, from the `partywall-request-id` header or a log line
    pub(crate) request: Option<String>,
    /// With --token: what a call to this server would meet
    #[arg(long, requires = "token")]
    pub(crate) server: Option<String>,
    /// With --token and --server: what a call of this tool would meet
    #[arg(long, requires = "server")]
    pub(crate) tool: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) admin: Admin,
}

#[derive(Args)]
pub(crate) struct Logs {
    /// The data folder whose journal is read
    #[arg(long, value_name = "DIR", default_value = ".partywall", env = "PARTYWALL_DATA")]
    pub(crate) data: PathBuf,
    /// Only this tenant's, by name or id
    #[arg(long, value_name = "NAME|ID")]
    pub(crate) tenant: Option<String>,
    /// Only these: a call's beginning, its end, or a refusal before a tenant was known. Without it: ends and refusals
    #[arg(long, value_enum)]
    pub(crate) event: Vec<LogEvent>,
    /// Only this request's
    #[arg(long, value_name = "ID")]
    pub(crate) request: Option<partywall_domain::RequestId>,
    /// Only what ended so
    #[arg(long, value_enum)]
    pub(crate) outcome: Vec<LogOutcome>,
    /// How many of the newest to show
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(crate) lines: u32,
    /// Go on and show what comes
    #[arg(short, long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogEvent {
    /// A call began
    Began,
    /// A call ended
    Ended,
    /// Somebody was refused before a tenant was known
    Stranger,
    /// An instance of a tenant's own started, used something, or ended
    Instance,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum LogOutcome {
    /// The upstream answered
    Answered,
    /// The upstream answered with an error, or broke off
    UpstreamError,
    /// Partywall said no
    Refused,
    /// The client left before the end
    Abandoned,
}

#[derive(Args)]
pub(crate) struct Top {
    /// Show it once and end
    #[arg(long)]
    pub(crate) once: bool,
    /// Seconds that are measured for each picture
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    pub(crate) seconds: f64,
    /// How many tenants to show at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) tenants: u16,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) admin: Admin,
}

/// How to reach the admin listener.
#[derive(Args)]
pub(crate) struct Admin {
    /// The data folder of the partywall that runs: its address and the operator's token are read from there
    #[arg(long, value_name = "DIR", default_value = ".partywall", env = "PARTYWALL_DATA")]
    data: PathBuf,
    /// The admin listener's URL, if not the one in the data folder
    #[arg(long = "admin", value_name = "URL", env = "PARTYWALL_ADMIN")]
    url: Option<String>,
    /// A file with the operator's token, if not the one in the data folder
    #[arg(long, value_name = "FILE", env = "PARTYWALL_OPERATOR_TOKEN_FILE")]
    operator_token: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Output {
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

impl Admin {
    pub(crate) fn client(&self) -> anyhow::Result<AdminClient> {
        let data = || crate::data::Data::existing(&self.data);
        let url = match &self.url {
            Some(url) => url.clone(),
            None => data()?.running()?.admin,
        };
        let token = match &self.operator_token {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| {
                    format!("the operator's token `{}` cannot be read; pass another --operator-token", path.display())
                })?
                .trim()
                .to_owned(),
            None => data()?.operator_token()?,
        };
        AdminClient::new(&url, &token)
    }
}

/// Does what was asked.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Serve { config } => serve::run(&config).await,
        Command::Apply { files, change, output, admin } => {
            apply::run(&admin.client()?, &files, change.dry_run, change.reason.as_deref(), output.output).await
        }
        Command::Doctor { config, output } => doctor::run(config.as_deref(), output.output).await,
        Command::Config { command } => configuration(command).await,
        Command::Instance { command } => instances(command).await,
        Command::Tenant { command: Tenant::List { output, admin } } => {
            tenant::list(&admin.client()?, output.output).await
        }
        Command::Tenant { command: Tenant::Show { name, output, admin } } => {
            tenant::show(&admin.client()?, &name, output.output).await
        }
        Command::Secret { command } => secret::run(command).await,
        Command::Issuer { command: Issuer::List { output, admin } } => {
            issuer::list(&admin.client()?, output.output).await
        }
        Command::Issuer { command: Issuer::Test { name, token, output, admin } } => {
            issuer::test(&admin.client()?, &name, token.as_deref(), output.output).await
        }
        Command::Token(token) => token::run(&token),
        Command::Explain(explain) => explain::run(&explain).await,
        Command::Bench(arguments) => bench::run(arguments).await,
        Command::Logs(asked) => logs::run(&asked).await,
        Command::Top(asked) => top::run(&asked).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "partywall", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn instances(command: Instance) -> anyhow::Result<ExitCode> {
    match command {
        Instance::List { output, admin } => instance::list(&admin.client()?, output.output).await,
        Instance::Show { id, output, admin } => instance::show(&admin.client()?, &id, output.output).await,
        Instance::Logs { server, tenant, output, admin } => {
            instance::logs(&admin.client()?, &server, tenant.as_deref(), output.output).await
        }
        Instance::Stop { id, admin } => instance::stop(&admin.client()?, &id).await,
    }
}

async fn configuration(command: Config) -> anyhow::Result<ExitCode> {
    match command {
        Config::History { document, before, limit, output, admin } => {
            let asked = AskHistory { document, before, limit: Some(limit) };
            config::history(&admin.client()?, &asked, output.output).await
        }
        Config::Diff { from, to, output, admin } => {
            // One revision alone is the one whose change is meant.
            let asked = if to.is_some() { AskDiff { from, to } } else { AskDiff { from: None, to: from } };
            config::diff(&admin.client()?, &asked, output.output).await
        }
        Config::Rollback { revision, change, output, admin } => {
            let asked = Rollback { to: revision, dry_run: change.dry_run, reason: change.reason };
            config::rollback(&admin.client()?, &asked, output.output).await
        }
    }
}

/// `tenant.acme`.
fn document(text: &str) -> Result<String, String> {
    match text.split_once('.').map(|(kind, name)| (Kind::of(kind), name)) {
        Some((Some(_), name)) if !name.is_empty() => Ok(text.to_owned()),
        _ => Err(format!("`{text}` is no document; write for example tenant.acme, plan.standard or issuer.corporate")),
    }
}

/// `90s`, `15m`, `12h` or `7d`.
fn lifetime(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time of at most 365d; write for example 90s, 15m, 12h or 7d");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(seconds)
        .filter(|total| (1..=31_536_000).contains(total))
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}
