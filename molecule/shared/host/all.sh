# A host as it is handed over: an account that people and tools come in as, with their key.
useradd --create-home --shell /bin/bash deploy
install --directory --owner=deploy --group=deploy --mode=0700 /home/deploy/.ssh
install --owner=deploy --group=deploy --mode=0600 /key.pub /home/deploy/.ssh/authorized_keys
systemctl --quiet enable --now ssh
