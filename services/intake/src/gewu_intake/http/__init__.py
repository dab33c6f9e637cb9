"""The HTTP doors: what they answer (`answers`), who may enter and with what (`doors`), the short way in (`hot`)."""
