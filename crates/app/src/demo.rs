//! `partywall demo`: everything in one process, two customers, a server they share, and an issuer for their tokens.
//!
//! It is the product with embedded defaults; only the issuer is for play, so it serves loopback alone.

mod banner;
mod documents;
mod notes;
mod started;
mod tour;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use partywall_control::{Control, NotApplied, wire::File};
use partywall_documents::{Mistakes, Server, Table};
use partywall_domain::{Auth, Sharing};
use partywall_gateway::{AddressLimits, Probe, ProbeError};
use partywall_identity::Operator;
use tokio_util::sync::CancellationToken;

use crate::assembly::{Assembly, Names, Plan, stop_on_signal};
use crate::data::Data;
use crate::development::{self, DevelopmentIssuer, Grant};
use crate::keys::DEVELOPMENT_ISSUER;
use crate::log;
use crate::settings::{METRICS_TENANTS, SECRETS_EPOCH};
use crate::tls::Upstreams;
use documents::Catalog;
use started::Started;

/// How long the tokens that the demo prints live. A day: a demo is shown more than once.
const TOKEN_LIFETIME: Duration = Duration::from_hours(24);

/// The arguments of `partywall demo`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Where the demo keeps its data
    #[arg(long, value_name = "DIR", default_value = ".partywall", env = "PARTYWALL_DATA")]
    pub(crate) data: PathBuf,
    /// Where clients connect; loopback only, since anybody may make tokens here
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7400")]
    pub(crate) listen: SocketAddr,
    /// Where operators connect
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7401")]
    pub(crate) admin_listen: SocketAddr,
    /// Where people sign in for tokens; loopback only
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7402")]
    pub(crate) issuer_listen: SocketAddr,
    /// Put this MCP server (Streamable HTTP) behind the gateway in place of notes
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Play the story with real calls, then stop
    #[arg(long, conflicts_with = "server")]
    pub(crate) tour: bool,
    /// Put this MCP server on stdio behind the gateway in place of notes, a sandboxed process for each tenant
    #[arg(last = true, value_name = "COMMAND", conflicts_with_all = ["server", "tour"])]
    pub(crate) command: Vec<String>,
    /// Write log lines to this file and not to stderr
    #[arg(long, value_name = "FILE", env = "PARTYWALL_LOG_FILE")]
    pub(crate) log_file: Option<PathBuf>,
}

pub(crate) async fn run(demo: Arguments) -> anyhow::Result<ExitCode> {
    if [demo.listen, demo.admin_listen, demo.issuer_listen].iter().any(|address| !address.ip().is_loopback()) {
        bail!(
            "the demo listens on loopback alone, since whoever reaches its issuer can be anybody; use 127.0.0.1, or \
             `partywall serve` with an issuer of your own"
        );
    }
    demo.server.as_deref().map_or(Ok(()), check_url)?;
    let own = if demo.command.is_empty() { None } else { Some(Started::of(&demo.command)?) };
    let log = log::start(demo.log_file.as_deref())?;
    let data = Data::create(&demo.data)?;
    let mut assembly = Assembly::new(Plan {
        data: data.clone(),
        listen: demo.listen,
        admin_listen: demo.admin_listen,
        public_url: None,
        names: Names::default(),
        scopes: Vec::new(),
        addresses: AddressLimits::default(),
        tls: None,
        upstreams: Upstreams::default(),
        metrics_tenants_max: METRICS_TENANTS,
        secrets_epoch: SECRETS_EPOCH,
        log_losses: log.losses(),
        otlp: None,
        instances: partywall_supervisor::supervisor::Settings::default(),
        development: Some(demo.issuer_listen),
    })
    .await?;
    stop_on_signal(assembly.stop.clone());
    let listener = assembly.issuer.take().context("the issuer has no listener")?;
    let stage = Stage::new(&assembly, &demo, data)?;
    development::serve(stage.issuer.clone(), stage.gateway.clone(), listener, stage.stop.clone())?;
    // The tour shows to each call its line, so it keeps the lines in place of writing them.
    let tap = demo.tour.then(|| log.tap());
    let stop = assembly.stop.clone();
    assembly
        .serve(async move {
            stage.set(&demo, own).await?;
            match tap {
                Some(tap) => {
                    let told = tour::play(&stage, &tap).await;
                    stop.cancel();
                    told
                }
                None => banner::print(&stage),
            }
        })
        .await?;
    Ok(ExitCode::SUCCESS)
}

/// Checks the URL of the user's server by the rule that holds for documents, before anybody is asked.
fn check_url(url: &str) -> anyhow::Result<()> {
    let (document, mistakes) = (serde_json::json!({ "url": url }), Mistakes::default());
    if let Some(table) = Table::new("", &document, &mistakes) {
        Server::read(documents::OWN_SERVER.parse()?, table);
    }
    match mistakes.into_vec().first() {
        Some(mistake) => bail!("--server expects a URL such as http://127.0.0.1:3001/mcp: {}", mistake.message),
        None => Ok(()),
    }
}

/// What the demo has set up, and what the banner and the tour show.
struct Stage {
    data: Data,
    public: String,
    admin: String,
    issuer: Arc<DevelopmentIssuer>,
    control: Control,
    operator: Operator,
    gateway: Arc<partywall_gateway::Gateway>,
    authority: Arc<partywall_identity::SystemAuthority>,
    /// The name of the server in the catalog.
    server: &'static str,
    /// The file with the tenants.
    tenants: &'static documents::Tenants,
    stop: CancellationToken,
}

impl Stage {
    fn new(assembly: &Assembly, demo: &Arguments, data: Data) -> anyhow::Result<Self> {
        let issuer = assembly.running.issuer.as_deref().context("the demo has no issuer")?;
        let key = assembly.keys.signing_key(&assembly.store, &assembly.authority, DEVELOPMENT_ISSUER)?;
        Ok(Self {
            data,
            public: assembly.running.public.clone(),
            admin: assembly.running.admin.clone(),
            issuer: Arc::new(DevelopmentIssuer::new(issuer, &key)),
            control: assembly.control.clone(),
            operator: assembly.operator.clone(),
            gateway: assembly.gateway.clone(),
            authority: assembly.authority.clone(),
            server: if demo.server.is_none() && demo.command.is_empty() {
                documents::NOTES
            } else {
                documents::OWN_SERVER
            },
            tenants: match (&demo.server, demo.command.is_empty()) {
                (Some(_), _) => documents::TENANTS_OF_SERVER,
                (None, false) => documents::TENANTS_OF_COMMAND,
                (None, true) => documents::TENANTS,
            },
            stop: assembly.stop.clone(),
        })
    }

    /// Starts the server and applies the documents.
    async fn set(&self, demo: &Arguments, own: Option<Started>) -> anyhow::Result<()> {
        let catalog = match (&demo.server, own) {
            (Some(url), _) => Catalog::Shared(url.clone(), self.sharing_of(url).await?),
            (None, Some(own)) => Catalog::Started(own),
            (None, None) => Catalog::Shared(notes::start(self).await?, Sharing::Assertion),
        };
        let files = documents::files(self, &catalog)?;
        apply(&self.control, &self.operator, &files).await
    }

    /// Why the user's own server may be shared: it verifies the assertion, or the user says so by putting it here.
    async fn sharing_of(&self, url: &str) -> anyhow::Result<Sharing> {
        let url = std::sync::Arc::from(url);
        let server = documents::OWN_SERVER.parse()?;
        let probe = Probe { server: &server, url: &url, sharing: Some(Sharing::Assertion), auth: &Auth::None };
        match self.gateway.probe(&self.authority, &probe).await {
            Ok(_) => Ok(Sharing::Assertion),
            Err(ProbeError::Url(why)) => bail!("{why}"),
            Err(ProbeError::Sharing(_)) => {
                eprintln!(
                    "note: this server does not verify the gateway's assertion, so both demo tenants see the same data; it \
                     is shared as `stateless`, on your word"
                );
                Ok(Sharing::Stateless)
            }
        }
    }

    /// A token for one of the demo's tenants.
    fn token(&self, tenant: &str, subject: &str, scope: &str) -> anyhow::Result<String> {
        let audience = format!("{}/mcp", self.public);
        self.issuer.token(&Grant {
            client: development::OWN_CLIENT,
            tenant,
            subject,
            scope,
            audience: &audience,
            lifetime: TOKEN_LIFETIME,
        })
    }

    /// The URL that both customers use.
    fn url(&self) -> String {
        format!("{}/mcp/{}", self.public, self.server)
    }
}

async fn apply(control: &Control, operator: &Operator, files: &[File]) -> anyhow::Result<()> {
    match control.apply_as(operator, files, false, Some("demo")).await {
        Ok(_) => Ok(()),
        Err(NotApplied::Mistakes(mistakes)) => {
            for mistake in &mistakes {
                eprintln!("{}: {}: {}", mistake.place.as_deref().unwrap_or("stored"), mistake.path, mistake.message);
            }
            bail!("the demo's documents were refused; correct them, or start with an empty --data DIR")
        }
        Err(error) => Err(error).context("the demo's documents could not be applied"),
    }
}
