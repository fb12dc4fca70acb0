from django.db import migrations

# A generated column needs an IMMUTABLE expression; array_to_string is only STABLE because of the
# element types it could be given. With text it never changes.
CREATE = """
CREATE FUNCTION links_search_vector(title text, description text, url text, slug text, tags text[])
RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT setweight(to_tsvector('simple', title), 'A')
        || setweight(to_tsvector('simple', array_to_string(tags, ' ')), 'A')
        || setweight(to_tsvector('simple', slug), 'B')
        || setweight(to_tsvector('simple', description), 'C')
        || setweight(to_tsvector('simple', regexp_replace(url, '[^[:alnum:]]+', ' ', 'g')), 'D')
$$;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION links_search_vector")]
