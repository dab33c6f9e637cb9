"""The launcher's system in containers: docker-compose.yml and the Dockerfiles, made from the table of components."""
