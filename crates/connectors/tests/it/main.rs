//! The clients against the sandbox's servers, over real sockets, where a wire in memory would prove too little.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod event_stream;
