//! `netaio context`.

use std::io::Write;

use super::Saved;
use super::folder::Folder;
use crate::args::{ContextCommand, SaveContext};
use crate::error::CliError;
use crate::stdio::Output;

/// Does what is to be done with contexts.
pub(crate) fn context(command: &ContextCommand) -> Result<(), CliError> {
    let text = match command {
        ContextCommand::Save(options) => {
            let folder = Folder::of(&options.folder)?;
            let path = folder.write(&options.name, &saved(options)?)?;
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
        ContextCommand::Show(one) => Folder::of(&one.folder)?.read(&one.name)?.lines(),
        ContextCommand::Remove(one) => {
            Folder::of(&one.folder)?.remove(&one.name)?;
            String::new()
        }
        ContextCommand::Select(one) => {
            Folder::of(&one.folder)?.select(one.name.as_ref())?;
            String::new()
        }
    };
    Output.write_all(text.as_bytes()).map_err(CliError::Output)
}

fn saved(options: &SaveContext) -> Result<Saved, CliError> {
    // What is wrong usage wherever it is used is no context.
    options.identity.check(options.udp)?;
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
