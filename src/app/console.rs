//! The console of Windows.

use winapi_util::console::Console;

/// Lets the console obey the codes for colours and for the place of the cursor, as terminals do.
pub(crate) fn use_colors() {
    // A file or a pipe is no console, and old consoles cannot do it.
    for console in [Console::stdout(), Console::stderr()] {
        let _ = console.and_then(|mut console| console.set_virtual_terminal_processing(true));
    }
}
