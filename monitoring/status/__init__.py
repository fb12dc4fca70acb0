"""How the service was, day by day, for anybody: what the web workers found each minute."""
