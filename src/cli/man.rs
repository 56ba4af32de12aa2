//! The manual: one page for all commands.

use std::io::{self, Write};

use clap_mangen::Man;

/// Files and the environment, in roff; what the options say is said there.
const MORE: &str = r"
.SH FILES
.TP
\fIDIR\fR/\fINAME\fR
A verified archive, or a file that you put there.
.TP
\fIDIR\fR/.cxr/
Everything unfinished, and notes of what was verified. It may be removed while no cxr is at work; what was downloaded so far is then lost, and so is a file of yours that was being mended.
.TP
\fI$XDG_STATE_HOME\fR/cxr/
Notes of \fBverify\fR on folders that cannot be written to.
.SH ENVIRONMENT
Every long option has a variable: \fB\-\-limit\-rate\fR has \fBCXR_LIMIT_RATE\fR.
What is typed outweighs it, and an empty one counts as none.
\fBCXR_FROM\fR may hold several sources for \fBfetch\fR, one a line.
\fBNO_COLOR\fR, \fBCLICOLOR_FORCE\fR, \fBCLICOLOR\fR and \fBTERM\fR decide about colour as they do elsewhere.
\fBCXR_HEARTBEAT\fR is how many seconds lie between two lines of progress where there are no bars.
\fBhttp_proxy\fR, \fBhttps_proxy\fR, \fBall_proxy\fR and \fBno_proxy\fR are heard.
\fBSSL_CERT_FILE\fR and \fBSSL_CERT_DIR\fR name certificates in place of the system's.
\fBXDG_STATE_HOME\fR and \fBHOME\fR say where notes lie of folders that cannot be written to, \fBTMPDIR\fR where \fBselftest\fR works.
With \fBGITHUB_ACTIONS=true\fR a job of GitHub is annotated, and a table is added to the file in \fBGITHUB_STEP_SUMMARY\fR.
.SH EXIT STATUS
.TP
0
Every archive is ok; with \fB\-\-quick\fR: is present, which verifies nothing.
.TP
1
An archive is missing, incomplete, corrupt or foreign.
.TP
2
The command line or a table of checksums is wrong.
.TP
3
None of these, but an archive is unreachable, this machine failed, or another cxr is at work in the folder.
.TP
129, 130, 143
Ended by SIGHUP, by SIGINT, by SIGTERM. The same command goes on where it ended.
";

/// Writes the page in roff.
pub(crate) fn manual(out: &mut dyn Write) -> io::Result<()> {
    let mut command = super::command();
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for subcommand in command.get_subcommands().filter(|command| command.get_name() != "help") {
        section(subcommand, &mut page)?;
    }
    page.extend_from_slice(MORE.trim_start().as_bytes());
    out.write_all(&page)
}

/// A command as a section, with the parts of its own page in it.
fn section(command: &clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    let title = format!("cxr {}", command.get_name());
    // The global options stand at the top of the page.
    let own = command.clone().bin_name(title.clone()).mut_args(|argument| {
        let hidden = argument.is_hide_set() || argument.is_global_set() || is_standard(&argument);
        argument.hide(hidden)
    });
    let has_options = own.get_arguments().any(|argument| !argument.is_hide_set());
    let man = Man::new(own);
    let mut part = Vec::new();
    man.render_synopsis_section(&mut part)?;
    man.render_description_section(&mut part)?;
    if has_options {
        man.render_options_section(&mut part)?;
    }
    writeln!(page, ".SH {}", title.to_uppercase())?;
    // What was a section of a page is a part of this one.
    page.extend(String::from_utf8_lossy(&part).replace(".SH ", ".SS ").into_bytes());
    Ok(())
}

fn is_standard(argument: &clap::Arg) -> bool {
    matches!(argument.get_id().as_str(), "help" | "version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_page_has_every_command_and_option() {
        let mut page = Vec::new();
        manual(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        for part in [
            ".TH cxr 1",
            ".SH CXR FETCH",
            ".SH CXR VERIFY",
            ".SH CXR LIST",
            ".SH CXR CHECKSUMS",
            ".SH CXR CITE",
            ".SH CXR COMPLETIONS",
            ".SH CXR MAN",
            "\\-\\-limit\\-rate",
            "\\-\\-checksums",
            ".SH EXIT STATUS",
        ] {
            assert!(page.contains(part), "{part}");
        }
        let global = page.matches("\\fB\\-\\-checksums\\fR \\fI<FILE>").count();
        assert_eq!(global, 1, "global options stand once");
    }
}
