//! `netaio context`.

use std::io::Write;

use super::folder::Folder;
use super::{ContextError, Name, Saved};
use crate::args::{ContextCommand, OneContext, SaveContext};
use crate::error::CliError;
use crate::stdio::Output;

/// Does what is to be done with contexts.
pub(crate) fn context(command: &ContextCommand) -> Result<(), CliError> {
    let text = match command {
        ContextCommand::Save(options) => {
            let folder = Folder::of(&options.folder)?;
            let saved = saved(options)?;
            let path = folder.write(&options.name, &saved)?;
            saved.warn_of_files();
            format!("saved {}\n", path.display())
        }
        ContextCommand::List(choice) => {
            let folder = Folder::of(choice)?;
            let selected = folder.selected()?;
            let names = folder.names()?.into_iter();
            let lines = names.map(|name| match selected.as_ref() == Some(&name) {
                true => format!("* {name}\n"),
                false => format!("  {name}\n"),
            });
            lines.collect()
        }
        ContextCommand::Show(one) => {
            let folder = Folder::of(&one.folder)?;
            folder.read(named(one, &folder)?)?.lines()
        }
        ContextCommand::Remove(one) => {
            let folder = Folder::of(&one.folder)?;
            folder.remove(named(one, &folder)?)?;
            String::new()
        }
        ContextCommand::Select(one) => {
            Folder::of(&one.folder)?.select(one.name.as_ref())?;
            String::new()
        }
    };
    Output.write_all(text.as_bytes()).map_err(CliError::Output)
}

/// The context that is named.
///
/// # Errors
/// None is: those that there are.
fn named<'a>(one: &'a OneContext, folder: &Folder) -> Result<&'a Name, ContextError> {
    let Some(name) = &one.name else {
        let names = folder.names()?;
        let names: Vec<_> = names.iter().map(Name::to_string).collect();
        let there = match names.is_empty() {
            true => "there is none yet: `netaio context save NAME` makes one".to_owned(),
            false => format!("there are: {}", names.join(", ")),
        };
        return Err(ContextError::Nameless { there });
    };
    Ok(name)
}

fn saved(options: &SaveContext) -> Result<Saved, CliError> {
    // What is wrong usage wherever it is used is no context.
    options.identity.check()?;
    let mut saved = Saved {
        server: options.server.clone(),
        udp: options.udp,
        ..Saved::default()
    };
    options.outer.save(&mut saved)?;
    options.admin.save(&mut saved)?;
    options.identity.save(&mut saved)?;
    options.tls.save(&mut saved)?;
    Ok(saved)
}
