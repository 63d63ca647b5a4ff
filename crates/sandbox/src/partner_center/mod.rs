//! Partner Center: referrals, engagements, webhooks.
