//! Events from Partner Center: who sent one is proven before it is believed.
