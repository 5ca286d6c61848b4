//! `partywall apply`: documents from files to the control plane, and what became of them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use partywall_control::wire::{Applied, Apply, Fate, File, Refused};

use super::{Format, fields, print};
use crate::admin_client::AdminClient;

/// The endings of documents, for which a folder is searched.
const ENDINGS: [&str; 4] = ["toml", "json", "yaml", "yml"];

/// Applies the documents in these files, and in the files of these folders.
pub(crate) async fn run(
    client: &AdminClient,
    paths: &[PathBuf],
    dry_run: bool,
    reason: Option<&str>,
    output: Format,
) -> anyhow::Result<ExitCode> {
    let apply = Apply { files: read(paths)?, dry_run, reason: reason.map(str::to_owned) };
    tell(client.apply(&apply).await?, output)
}

/// Tells what became of a change.
pub(super) fn tell(outcome: Result<Applied, Refused>, output: Format) -> anyhow::Result<ExitCode> {
    match outcome {
        Ok(applied) => tell_applied(&applied, output),
        Err(refused) => tell_refused(&refused, output),
    }
}

fn tell_applied(applied: &Applied, output: Format) -> anyhow::Result<ExitCode> {
    match output {
        Format::Json => print::json(applied)?,
        Format::Table => {
            let rows = applied.changes.iter();
            let rows = rows.map(|change| [change.kind.clone(), change.name.clone(), change.change.as_str().to_owned()]);
            print::data(&print::table(["kind", "name", "change"], rows))?;
            // What was done is told in a word each; what would be done, field by field.
            let lines = fields::lines(&applied.changes);
            if applied.enforced.is_none() && !lines.is_empty() {
                print::data(&format!("\n{lines}"))?;
            }
        }
    }
    let (talk, code) = outcome(applied);
    eprintln!("{talk}");
    Ok(code)
}

/// Every mistake in a line that editors and terminals make a link of.
fn tell_refused(refused: &Refused, output: Format) -> anyhow::Result<ExitCode> {
    if output == Format::Json {
        print::json(refused)?;
    }
    for mistake in &refused.mistakes {
        let parts = [mistake.place.as_deref().unwrap_or_default(), &mistake.path, &mistake.message];
        let line: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).map(print::plain).collect();
        eprintln!("{}", line.join(": "));
    }
    eprintln!("error: {}", refused.error.message);
    Ok(ExitCode::FAILURE)
}

/// What to say at the end. Written and not enforced everywhere is no success: applying again waits again.
fn outcome(applied: &Applied) -> (String, ExitCode) {
    let revision = applied.revision;
    let Some(enforced) = &applied.enforced else {
        return (format!("a dry run: nothing was written, revision {revision} stands"), ExitCode::SUCCESS);
    };
    let nodes = format!("enforced on {}/{} nodes", enforced.nodes, enforced.of);
    let changed = applied.changes.iter().any(|change| change.change != Fate::Unchanged);
    match enforced.after_ms {
        Some(after) if changed => (format!("revision {revision} {nodes} after {after} ms"), ExitCode::SUCCESS),
        Some(_) => (format!("nothing changed: revision {revision} stands, {nodes}"), ExitCode::SUCCESS),
        None => {
            let talk = format!("revision {revision} stands and is {nodes} so far; the log of the others says why");
            (talk, ExitCode::FAILURE)
        }
    }
}

fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<File>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        let found = if path.is_dir() { documents_in(path)? } else { vec![path.clone()] };
        for file in found {
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    files.iter().map(|path| file(path)).collect()
}

fn file(path: &Path) -> anyhow::Result<File> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{name}`; pass a file of documents, or a folder of such files"))?;
    Ok(File { name, text })
}

/// The documents of a folder, by name. Hidden files are an editor's.
fn documents_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let name = folder.display();
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read `{name}`"))?;
    let mut documents = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read `{name}`"))?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if ENDINGS.contains(&ending) && !hidden && path.is_file() {
            documents.push(path);
        }
    }
    if documents.is_empty() {
        bail!("no documents in `{name}`; they end in .toml, .json, .yaml or .yml");
    }
    documents.sort();
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use partywall_control::wire::{Change, Enforced};

    use super::*;

    #[test]
    fn a_folder_is_its_documents_by_name() {
        let folder = std::env::temp_dir().join(format!("partywall-apply-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("inner.toml")).unwrap();
        for name in ["b.toml", "a.yaml", "c.json", ".b.toml", "notes.txt", "b.toml~"] {
            std::fs::write(folder.join(name), name).unwrap();
        }
        let files = read(&[folder.join("b.toml"), folder.clone()]).unwrap();
        let texts: Vec<_> = files.iter().map(|file| file.text.as_str()).collect();
        assert_eq!(texts, ["b.toml", "a.yaml", "c.json"]);
        let empty = read(&[folder.join("inner.toml")]).unwrap_err().to_string();
        assert!(empty.starts_with("no documents in `"), "{empty}");
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(read(&[folder]).is_err());
    }

    #[test]
    fn the_last_line_says_what_holds() {
        let told = |change, enforced| {
            let changes = vec![Change { kind: "plan".to_owned(), name: "p".to_owned(), change, fields: Vec::new() }];
            outcome(&Applied { revision: 7, changes, enforced }).0
        };
        let on = |nodes, after_ms| Some(Enforced { nodes, of: 2, after_ms });
        assert_eq!(told(Fate::Changed, on(2, Some(3))), "revision 7 enforced on 2/2 nodes after 3 ms");
        assert_eq!(told(Fate::Unchanged, on(2, Some(0))), "nothing changed: revision 7 stands, enforced on 2/2 nodes");
        assert_eq!(told(Fate::Created, None), "a dry run: nothing was written, revision 7 stands");
        let late = "revision 7 stands and is enforced on 1/2 nodes so far; the log of the others says why";
        assert_eq!(told(Fate::Created, on(1, None)), late);
    }
}
