//! What a crash or a broken disk leaves behind, and what the system refuses: nothing acknowledged is lost unseen, and each
//! error names the path and what to do.

mod journals;
