//! `partywall secret`: what a tenant needs for the servers it is granted. A value is read from stdin or a file, never from
//! an argument, which every user of the host can see; and it is never printed.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use clap::Subcommand;
use partywall_control::wire::{Asked, Reseal, Secrets, SetSecret};
use partywall_domain::{Secret, SecretName, TenantName};
use partywall_secrets::SECRET_BYTES_MAX;

use super::{Admin, Change, Format, Output, apply, print};
use crate::admin_client::AdminClient;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Set a secret of a tenant, in place of the one of its name: from stdin, or from a file
    Set {
        /// The tenant
        tenant: TenantName,
        /// The secret's name, as servers' documents ask for it
        name: SecretName,
        /// Read the value from this file; without it, from stdin. A line break at the end is left out
        #[arg(long, value_name = "FILE")]
        from_file: Option<PathBuf>,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        admin: Admin,
    },
    /// List the secrets of a tenant: names, who set them when, which servers ask for them
    List {
        /// The tenant
        tenant: TenantName,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        admin: Admin,
    },
    /// Delete a secret that no server of the tenant asks for
    Delete {
        /// The tenant
        tenant: TenantName,
        /// The secret's name
        name: SecretName,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        admin: Admin,
    },
    /// Seal with the key of the current epoch what earlier keys sealed; values stay as they are
    Rotate {
        /// Only secrets of this tenant
        tenant: Option<TenantName>,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        admin: Admin,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Set { tenant, name, from_file, change, output, admin } => {
            let value = value(from_file.as_deref())?.reveal().to_owned();
            let asked = SetSecret { value, dry_run: change.dry_run, reason: change.reason };
            apply::tell(admin.client()?.put(&path(&tenant, Some(&name)), &asked).await?, output.output)
        }
        Command::List { tenant, output, admin } => list(&admin.client()?, &tenant, output.output).await,
        Command::Delete { tenant, name, change, output, admin } => {
            let asked = Asked { dry_run: change.dry_run, reason: change.reason };
            apply::tell(admin.client()?.delete(&path(&tenant, Some(&name)), &asked).await?, output.output)
        }
        Command::Rotate { tenant, change, output, admin } => {
            let tenant = tenant.map(|tenant| tenant.to_string());
            let asked = Reseal { tenant, dry_run: change.dry_run, reason: change.reason };
            apply::tell(admin.client()?.change("/api/v1/secrets/rotate", &asked).await?, output.output)
        }
    }
}

fn path(tenant: &TenantName, name: Option<&SecretName>) -> String {
    let name = name.map(|name| format!("/{name}")).unwrap_or_default();
    format!("/api/v1/tenants/{tenant}/secrets{name}")
}

async fn list(client: &AdminClient, tenant: &TenantName, output: Format) -> anyhow::Result<ExitCode> {
    let secrets: Secrets = client.get(&path(tenant, None)).await?;
    match output {
        Format::Json => print::json(&secrets)?,
        Format::Table => {
            print::data(&lines(&secrets))?;
            eprintln!(
                "{} secrets at revision {}, sealed in epoch {}",
                secrets.secrets.len(),
                secrets.revision,
                secrets.epoch
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(secrets: &Secrets) -> String {
    let rows = secrets.secrets.iter().map(|secret| {
        let (revision, epoch) = (secret.revision.to_string(), secret.epoch.to_string());
        [secret.name.clone(), revision, secret.at.clone(), secret.author.clone(), epoch, secret.servers.join(", ")]
    });
    print::table(["name", "revision", "at", "author", "epoch", "asked for by"], rows)
}

/// The value, from a file or from stdin.
fn value(file: Option<&Path>) -> anyhow::Result<Secret> {
    match file {
        Some(path) => {
            let name = path.display();
            let file = File::open(path).with_context(|| format!("cannot read `{name}`; pass a file with the value"))?;
            read(file).with_context(|| format!("`{name}` has no value that can be set"))
        }
        // What somebody types there stands on the screen, and in what the terminal remembers.
        None if io::stdin().is_terminal() => {
            bail!("the value is read from stdin or --from-file; for example `partywall secret set TENANT NAME < FILE`")
        }
        None => read(io::stdin().lock()).context("stdin has no value that can be set"),
    }
}

/// A text of the length that a secret may have, and the line break that editors and `echo` put after it.
fn read(from: impl Read) -> anyhow::Result<Secret> {
    let mut text = String::with_capacity(SECRET_BYTES_MAX + 3);
    let bytes_max = u64::try_from(SECRET_BYTES_MAX + 3)?;
    from.take(bytes_max).read_to_string(&mut text).map_err(|error| anyhow!("{error}; a key or a token is text"))?;
    let text = Secret::new(text);
    let line = text.reveal();
    let value = line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
    if value.len() > SECRET_BYTES_MAX {
        bail!("it is longer than {SECRET_BYTES_MAX} bytes; a key or a token is expected");
    }
    Ok(Secret::new(value))
}

#[cfg(test)]
mod tests {
    use partywall_control::wire::SecretLine;

    use super::*;

    #[test]
    fn a_value_is_one_line_as_it_stands() {
        let long = "x".repeat(SECRET_BYTES_MAX);
        for (given, expected) in [
            ("hunter2", Some("hunter2")),
            ("hunter2\n", Some("hunter2")),
            ("hunter2\r\n", Some("hunter2")),
            ("hunter2\n\n", Some("hunter2\n")),
            (" a b ", Some(" a b ")),
            ("", Some("")),
            (&format!("{long}\r\n"), Some(&long)),
            (&format!("{long}x"), None),
        ] {
            let read = read(given.as_bytes());
            assert_eq!(read.as_ref().ok().map(Secret::reveal), expected, "{given:?}");
        }
        let error = read(&[0xff, 0xfe][..]).unwrap_err().to_string();
        assert!(error.ends_with("a key or a token is text"), "{error}");
    }

    #[test]
    fn the_list_says_who_set_what_and_who_asks_for_it() {
        let line = |name: &str, servers: &[&str]| SecretLine {
            name: name.to_owned(),
            revision: 7,
            at: "2026-11-26T06:00:00Z".to_owned(),
            author: "bootstrap".to_owned(),
            epoch: 1,
            servers: servers.iter().map(|&server| server.to_owned()).collect(),
        };
        let secrets = vec![line("notes-key", &["notes", "files"]), line("old", &[])];
        let secrets = Secrets { revision: 9, tenant: "acme".to_owned(), epoch: 2, secrets };
        let expected = "\
NAME       REVISION  AT                    AUTHOR     EPOCH  ASKED FOR BY
notes-key  7         2026-11-26T06:00:00Z  bootstrap  1      notes, files
old        7         2026-11-26T06:00:00Z  bootstrap  1";
        assert_eq!(lines(&secrets), expected);
    }
}
