//! The data folder: what one deployment on this machine keeps, readable by its owner alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// A data folder that is there.
#[derive(Clone, Debug)]
pub(crate) struct Data(PathBuf);

/// What a running process leaves in its data folder so that the command line finds it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    /// The admin listener's URL.
    pub(crate) admin: String,
    /// The URL that clients use.
    pub(crate) public: String,
    /// The URL of the development issuer, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<String>,
    /// The process.
    pub(crate) pid: u32,
}

impl Data {
    /// Makes the folder if it is not there.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| {
            format!("the data folder `{}` cannot be made; choose another with --data", path.display())
        })?;
        Ok(Self(path.to_owned()))
    }

    /// A folder that must be there already.
    pub(crate) fn existing(path: &Path) -> anyhow::Result<Self> {
        if !path.join("partywall.sqlite").exists() {
            bail!(
                "`{}` is no data folder of Partywall; start `partywall demo` or `partywall serve` first, or pass --data DIR",
                path.display()
            );
        }
        Ok(Self(path.to_owned()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether it has a file of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.join(name).exists()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("partywall.sqlite")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    /// The file's text, or what `make` gives, written once and readable by the owner alone. Says whether it was made.
    pub(crate) fn secret(
        &self,
        name: &str,
        make: impl FnOnce() -> anyhow::Result<String>,
    ) -> anyhow::Result<(String, bool)> {
        let path = self.0.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => {
                check_private(&path)?;
                Ok((text.trim().to_owned(), false))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = make()?;
                let mut file =
                    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).context(name.to_owned())?;
                writeln!(file, "{text}").context(name.to_owned())?;
                file.sync_all().context(name.to_owned())?;
                Ok((text, true))
            }
            Err(error) => Err(error).with_context(|| format!("`{}` cannot be read", path.display())),
        }
    }

    /// Holds the folder for this process: two would each believe that the journal is theirs.
    pub(crate) fn lock(&self) -> anyhow::Result<File> {
        let path = self.0.join("lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.with_context(|| {
            format!("the data folder `{}` cannot be written; choose another, or run as its owner", self.0.display())
        })?;
        if file.try_lock().is_err() {
            bail!("another partywall runs on `{}`; stop it, or pass another --data DIR", self.0.display());
        }
        Ok(file)
    }

    pub(crate) fn write_running(&self, running: &Running) -> anyhow::Result<()> {
        let path = self.0.join("running.json");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(&serde_json::to_vec(running)?)?;
        Ok(())
    }

    /// What the process that runs, or ran last, on this folder left.
    pub(crate) fn running(&self) -> anyhow::Result<Running> {
        let path = self.0.join("running.json");
        let text = fs::read(&path).with_context(|| {
            format!("nothing has run on `{}` yet; start `partywall demo` or `partywall serve`", self.0.display())
        })?;
        serde_json::from_slice(&text)
            .with_context(|| format!("`{}` cannot be read; start partywall again", path.display()))
    }

    /// The operator's token, which the first start makes.
    pub(crate) fn operator_token(&self) -> anyhow::Result<String> {
        let path = self.0.join("operator.token");
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "the operator's token `{}` cannot be read; pass --data DIR of the running partywall",
                path.display()
            )
        })?;
        Ok(text.trim().to_owned())
    }
}

fn check_private(path: &Path) -> anyhow::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!(
            "`{0}` is readable by others (mode {mode:o}); run `chmod 600 {0}` and consider its content known",
            path.display()
        );
    }
    Ok(())
}
